"""Runs written by hand, with known numbers, in the format of a run's parts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from explain.dataset.reader import Run
from explain.dataset.schema import schema

SPECIAL = ("[CLS]", "[SEP]")


@dataclass
class Written:
    """A row: a text, what is said of it, and the scores of its tokens by method (`None` where a method refused it)."""

    text: str
    scores: Mapping[str, Sequence[float] | None]
    prediction: str = "positive"
    label: str | None = None
    target: str = "positive"
    output: float = 1.0
    faithfulness: Mapping[str, float] = field(default_factory=dict)
    heads: Sequence[Sequence[float]] | None = None
    probability: float | None = 0.9


def pieces(text: str) -> list[tuple[int, int]]:
    """Places of the tokens of a text: words of more than five letters are two."""
    found = []
    for match in re.finditer(r"\w+|[^\w\s]", text):
        start, end = match.span()
        found += [(start, end)] if end - start <= 5 else [(start, start + 4), (start + 4, end)]
    return found


def scored(text: str, weights: Mapping[str, float], special: float = 0.0) -> list[float]:
    """Scores of the tokens in which a word's pieces sum to its weight; special tokens around them have `special`."""
    values = []
    for match in re.finditer(r"\w+|[^\w\s]", text):
        weight = weights.get(match[0].casefold(), 0.0)
        values += [weight] if len(match[0]) <= 5 else [0.75 * weight, 0.25 * weight]
    return [special, *values, special]


def _columns(number: int, row: Written) -> dict[str, Any]:
    places = [(0, 0), *pieces(row.text), (len(row.text), len(row.text))]
    inner = [row.text[start:end] for start, end in places[1:-1]]
    return {
        "row": number,
        "text": row.text,
        "label": row.label,
        "prediction": row.prediction,
        "probability": row.probability,
        "target": row.target,
        "foil": None,
        "unit": "logit",
        "output": row.output,
        "tokens": [SPECIAL[0], *inner, SPECIAL[1]],
        "before": [""] * len(places),
        "start": [start for start, _ in places],
        "end": [end for _, end in places],
        "special": [True, *[False] * len(inner), True],
        "segment": ["input"] * len(places),
        "scores": {name: None if values is None else list(values) for name, values in row.scores.items()},
        "faithfulness": dict(row.faithfulness) or None,
        "heads": None if row.heads is None else {"self": [list(layer) for layer in row.heads]},
    }


def write(
    folder: Path, rows: Sequence[Written], methods: Sequence[str], *, chunk: int = 50, numbers: Sequence[int] | None = None, **more: Any
) -> Run:
    """The rows as parts of a few rows each; `numbers` are those of the data, `more` goes to the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    own = schema(methods, groups=["self"], faithfulness=True)
    columns = [_columns(number, row) for number, row in zip(numbers or range(len(rows)), rows, strict=True)]
    for part, start in enumerate(range(0, max(1, len(columns)), chunk)):
        table = pa.Table.from_pylist(columns[start : start + chunk], schema=own)
        pq.write_table(table, folder / f"part-{part:05}.parquet")
    manifest = {
        "format": 1,
        "model": "bert-mini",
        "task": "classification",
        "methods": {name: {} for name in methods},
        "data": {"rows": len(rows)},
        "chunk": chunk,
        **more,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return Run.open(folder)


WORDS = "good bad film plot fine dull moving wonderful the a was not but zorp".split()


def corpus(rows: int, seed: int = 0, *, methods: Sequence[str] = ("lrp", "occlusion")) -> list[Written]:
    """Random texts with random scores, labels and predictions; now and then a method refuses a row."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(rows):
        words = random.choice(WORDS, size=random.integers(2, 9))
        text = " ".join(word.title() if random.random() < 0.3 else word for word in words)
        count = len(pieces(text)) + 2
        scores = {name: random.normal(0.3, 1.0, count).tolist() for name in methods}
        if random.random() < 0.1:
            scores[methods[-1]] = None
        label, prediction = random.choice(["positive", "negative"], size=2).tolist()
        label = None if random.random() < 0.1 else label
        faithful = {name: float(random.normal(0.5, 0.2)) for name in methods}
        heads = random.normal(0.1, 1.0, (2, 3)).tolist()
        made.append(Written(text, scores, prediction, label, prediction, float(random.normal()), faithful, heads))
    return made
