"""Every method on the 200 sentences of examples/sentiment.tsv: faithfulness, agreement and time, as a Markdown table.

    python tests/benchmarks/bench_methods.py [--sentences 200] [--model bert-mini]

The model's own label is explained (logit). Faithfulness is the mean of normalised comprehensiveness and sufficiency (0 random, 1 the best
order found; words replaced by the mask token), with 95 % bootstrap intervals over sentences; agreement is the mean Kendall tau with the
other methods; time is the mean per sentence as a multiple of gradient x input in the same run.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from explain import METHODS, Attribution, TokenExplainer
from explain.evaluation.agreement import Agreement, MeanAgreement, Measure, agreement
from explain.evaluation.faithfulness import Faithfulness, faithfulness
from explain.evaluation.ranking import FaithfulnessRanking
from explain.methods.catalog import make_methods, method_class

SENTENCES = Path(__file__).parents[2] / "examples" / "sentiment.tsv"
BASELINE = "input_x_gradient"


def sentences(count: int) -> list[str]:
    with SENTENCES.open(encoding="utf-8", newline="") as file:
        return [row["sentence"] for row in csv.DictReader(file, delimiter="\t")][:count]


def explain(model: str, texts: list[str]) -> tuple[list[Agreement], list[Faithfulness], dict[str, list[float]]]:
    methods = make_methods(METHODS)
    agreements, curves = [], []
    seconds: dict[str, list[float]] = {method.name: [] for method in methods}
    with TokenExplainer.from_pretrained(model, task="classification") as explainer:
        explainer.analyze(texts[0], methods)
        for text in texts:
            analysis = explainer.ask(text)
            found: list[Attribution] = [method.attribute(analysis.scores[0].anew()) for method in methods]  # each pays for all it needs
            for attribution in found:
                seconds[attribution.method].append(attribution.seconds)
            agreements.append(agreement(analysis.explanation(found)))
            curves.append(faithfulness(analysis.scores[0], found))
    return agreements, curves, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=200)
    parser.add_argument("--model", default="bert-mini")
    given = parser.parse_args()
    agreements, curves, seconds = explain(given.model, sentences(given.sentences))
    ranking, means = FaithfulnessRanking.of(curves), MeanAgreement.of(agreements)
    kendall = means.matrices[Measure.KENDALL].mean
    alike = {name: np.delete(kendall[row], row).mean() for row, name in enumerate(means.methods)}
    print(f"{given.model}, {ranking.texts} sentences\n")
    print("| rank | method | faithfulness | comprehensiveness | sufficiency | agreement | time |")
    print("| ---: | --- | --- | ---: | ---: | ---: | ---: |")
    for name in sorted(ranking.overall, key=lambda name: (ranking.rank[name], -float(ranking.overall[name].mean))):
        overall = ranking.overall[name]
        interval = f"{overall.mean:+.2f} [{overall.low:+.2f}, {overall.high:+.2f}]"
        parts = f"{ranking.comprehensiveness[name].mean:+.2f} | {ranking.sufficiency[name].mean:+.2f}"
        time = np.mean(seconds[name]) / np.mean(seconds[BASELINE])
        print(f"| {ranking.rank[name]} | {method_class(name).title} | {interval} | {parts} | {alike[name]:+.2f} | {time:.1f} x |")


if __name__ == "__main__":
    main()
