"""The 10 % most critical heads of bert-mini (sentiment) against 10 % random heads: accuracy when they are off.

    python tests/benchmarks/bench_critical_heads.py

Heads are ranked on half of the sentences by their mean effect on the right label's log-probability, and switched off on the other half.
Prints accuracies with 95 % bootstrap intervals over sentences.
"""

from __future__ import annotations

import itertools

import numpy as np

from explain.attention.ablation import Head, head_effects
from explain.attention.answers import answers
from explain.attention.critical import over_texts, switched_off
from explain.explainer import TokenExplainer
from explain.types import Array, Question

THINGS = ("film", "plot", "acting", "music", "ending", "script", "story", "dialogue", "camera work", "cast")
GOOD = ("a warm and moving {}", "the {} is wonderful", "i loved the {}", "such a clever {}", "the {} never bores")
BAD = ("a dull and lifeless {}", "the {} is awful", "i hated the {}", "the {} is not good", "such a tired {}")
SHARE, RANDOM_SETS = 0.1, 20


def sentences() -> list[tuple[str, str]]:
    return [
        (frame.format(thing), label) for label, frames in (("positive", GOOD), ("negative", BAD)) for frame in frames for thing in THINGS
    ]


def correct(explainer: TokenExplainer, questions: list[Question], heads: list[Head]) -> Array:
    found = []
    for question in questions:
        with switched_off(explainer.model, question, heads):
            found.append(answers(explainer.model, question, 1).candidates[0] == question.target.index)
    return np.array(found, dtype=np.float64)


def interval(values: Array) -> str:
    """Mean of [..., texts] with a bootstrap interval over texts."""
    per_text = values.reshape(-1, values.shape[-1]).mean(0)
    rng = np.random.default_rng(0)
    means = per_text[rng.integers(len(per_text), size=(2000, len(per_text)))].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{per_text.mean():.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    explainer = TokenExplainer.from_pretrained("bert-mini", task="classification")
    questions = [explainer.ask(text, target=label, unit="log_probability").questions[0] for text, label in sentences()]
    ranking, held_out = questions[::2], questions[1::2]
    effect = over_texts([head_effects(explainer.model, question) for question in ranking])["self"]
    layers, heads = effect.mean.shape
    count = max(1, round(SHARE * layers * heads))
    order = np.argsort(-effect.mean, axis=None)
    critical = [Head("self", int(i) // heads, int(i) % heads) for i in order[:count]]
    every = [Head("self", layer, head) for layer, head in itertools.product(range(layers), range(heads))]
    rng = np.random.default_rng(0)
    random = np.stack(
        [correct(explainer, held_out, [every[int(i)] for i in rng.choice(len(every), count, replace=False)]) for _ in range(RANDOM_SETS)]
    )
    plain, without = correct(explainer, held_out, []), correct(explainer, held_out, critical)
    named = ", ".join(f"{h.layer}.{h.index} ({effect.mean[h.layer, h.index]:.2f})" for h in critical)
    print(f"{len(ranking)} sentences rank, {len(held_out)} are tested; {count} of {layers * heads} heads off: {named}")
    print(f"{'all heads on':<20} {interval(plain)}")
    print(f"{'critical heads off':<20} {interval(without)}")
    print(f"{'random heads off':<20} {interval(random)}  ({RANDOM_SETS} sets)")
    print(f"{'random - critical':<20} {interval(random.mean(0) - without)}")


if __name__ == "__main__":
    main()
