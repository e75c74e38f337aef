"""How many rows integrated gradients take until their gap is within the tolerance, by the nodes on a stretch, as a Markdown table.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_nodes.py [--steps 16 20 24 28 32] [--texts 32] [--tolerance 1e-3]

A row is an embedded text that goes through the model, with or without gradient. Texts: the first sentences of examples/sentiment.tsv,
eight blanks and eight beginnings.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from explain import IntegratedGradients, TokenExplainer

SENTENCES = Path(__file__).parents[2] / "examples" / "sentiment.tsv"
BLANKS = (
    "The capital of France is [MASK].",
    "The keys to the cabinet [MASK] on the table.",
    "She went to the [MASK] to buy bread.",
    "He opened the [MASK] and went in.",
    "A [MASK] film with a big heart.",
    "They [MASK] the house last year.",
    "The dog chased the [MASK] up the tree.",
    "I would like a cup of [MASK].",
)
BEGINNINGS = (
    "The president said that",
    "The keys to the cabinet",
    "Once upon a time there was a",
    "She went to the",
    "I think that the film",
    "The dog chased the",
    "On the first day of",
    "He was born in the city of",
)
MODELS = (
    ("bert-mini", "classification"),
    ("bert-mini", "masked_lm"),
    ("distilbert-mini", "classification"),
    ("gpt2-mini", "next_token"),
    ("gpt2-mini", "classification"),
    ("t5-mini", "classification"),
)


def main() -> None:
    """Measure every model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", nargs="+", type=int, default=[16, 20, 24, 28, 32])
    parser.add_argument("--texts", type=int, default=32)
    parser.add_argument("--tolerance", type=float, default=1e-3)
    given = parser.parse_args()
    with SENTENCES.open(encoding="utf-8", newline="") as file:
        sentences = [row["sentence"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)][: given.texts]
    print(f"| model, texts | {' | '.join(map(str, given.steps))} |\n| --- |{' ---: |' * len(given.steps)}")
    for name, task in MODELS:
        texts = {"masked_lm": BLANKS, "next_token": BEGINNINGS}.get(task, sentences)
        with TokenExplainer.from_pretrained(name, task=task) as explainer:
            found = []
            for steps in given.steps:
                method = IntegratedGradients(steps=steps, tolerance=given.tolerance)
                rows = [explainer.analyze(text, [method])[method.name].passes for text in texts]
                found.append(f"{np.mean(rows):.0f} ({max(rows)})")
        print(f"| {name}, {task}, {len(texts)} | {' | '.join(found)} |", flush=True)


if __name__ == "__main__":
    main()
