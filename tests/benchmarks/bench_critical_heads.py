"""The 10 % most critical heads of bert-mini (sentiment) against 10 % random heads: accuracy and margin when they are off.

    python tests/benchmarks/bench_critical_heads.py

The 200 sentences of examples/sentiment.tsv are split in halves; heads are ranked on one half by their mean effect on the margin
(logit of the right label minus that of the wrong one) and switched off on the other, and the other way round.
Prints means with 95 % bootstrap intervals over sentences.
"""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import numpy as np

from explain import Score, TokenExplainer
from explain.inside.critical_heads import over_texts, switched_off
from explain.intervals import bootstrap
from explain.methods.head_ablation import Head, head_effects
from explain.types import Array

SENTENCES = Path(__file__).parents[2] / "examples" / "sentiment.tsv"
OTHER = {"positive": "negative", "negative": "positive"}
SHARE, RANDOM_SETS = 0.1, 20


def scores_of(explainer: TokenExplainer) -> list[Score]:
    with SENTENCES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [explainer.ask(row["sentence"], target=row["label"], foil=OTHER[row["label"]], unit="logit").scores[0] for row in rows]


def margins(scores: list[Score], heads: list[Head]) -> Array:
    found = []
    for score in scores:
        with switched_off(score, heads):
            found.append(score.answers().scores[0])
    return np.array(found)


def critical_heads(scores: list[Score], count: int) -> tuple[list[Head], str]:
    effect = over_texts([head_effects(score) for score in scores])["self"].mean
    heads = [Head("self", *map(int, np.unravel_index(place, effect.shape))) for place in np.argsort(-effect, axis=None)[:count]]
    return heads, ", ".join(f"{h.layer}.{h.index} ({effect[h.layer, h.index]:.2f})" for h in heads)


def show(name: str, values: Array) -> None:
    found = bootstrap(values)
    print(f"{name:<28} {found.mean:6.3f} [{found.low:.3f}, {found.high:.3f}]")


def main() -> None:
    explainer = TokenExplainer.from_pretrained("bert-mini", task="classification")
    scores = scores_of(explainer)
    rng = np.random.default_rng(0)
    halves = np.split(rng.permutation(len(scores)), 2)
    config = explainer.model.model.config
    every = [Head("self", *at) for at in itertools.product(range(config.num_hidden_layers), range(config.num_attention_heads))]
    count = round(SHARE * len(every))
    plain, critical, random = [], [], []
    for ranking, tested in (halves, halves[::-1]):
        test = [scores[i] for i in tested]
        heads, named = critical_heads([scores[i] for i in ranking], count)
        print(f"{count} of {len(every)} heads, ranked on {len(ranking)} sentences and off on the other {len(test)}: {named}")
        sets = [[every[int(i)] for i in rng.choice(len(every), count, replace=False)] for _ in range(RANDOM_SETS)]
        plain.append(margins(test, []))
        critical.append(margins(test, heads))
        random.append(np.stack([margins(test, chosen) for chosen in sets]))
    on, off, by_chance = np.concatenate(plain), np.concatenate(critical), np.concatenate(random, axis=1)
    show("accuracy, all heads on", on > 0)
    show("accuracy, critical heads off", off > 0)
    show("accuracy, random heads off", (by_chance > 0).mean(0))
    show("  random - critical", (by_chance > 0).mean(0) - (off > 0))
    show("margin, all heads on", on)
    show("margin, critical heads off", off)
    show("margin, random heads off", by_chance.mean(0))
    show("  random - critical", by_chance.mean(0) - off)


if __name__ == "__main__":
    main()
