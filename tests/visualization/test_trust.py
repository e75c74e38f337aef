"""What is said under a method is what its result holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from explain import Attribution, TokenExplainer
from explain.visualization.trust import trust


@pytest.fixture(scope="module")
def attribution() -> Attribution:
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        return explainer.analyze("A fine film.", ["integrated_gradients"])["integrated_gradients"]


def test_sums_gap_and_cost_are_said(attribution: Attribution) -> None:
    parts = trust(replace(attribution, gap=0.00123, tolerance=0.01, passes=1, seconds=2.0))
    assert parts[0] == attribution.summary.rstrip(".")
    assert parts[1].endswith("relative gap 1.2e-03")
    cancelling = replace(attribution, baseline_output=attribution.output)
    assert trust(cancelling)[1].endswith(f"relative gap {attribution.gap:.1e}, of a tenth of what they move")
    assert f"The scores sum to {attribution.scores.sum():+.4g}" in parts[1]
    assert parts[2] == "Within the tolerance of 0.01"
    assert parts[3] == "1 pass through the model, 2.00 s"
    assert "This misses the tolerance of 0.001" in trust(replace(attribution, gap=0.01, tolerance=0.001))


def test_only_what_is_known_is_said(attribution: Attribution) -> None:
    bare = replace(attribution, gap=None, tolerance=None, baseline_output=None, summary="", target_blind=True)
    assert trust(bare)[0] == "The scores are the same for every target"
    assert len(trust(bare)) == 2
    noisy = replace(bare, maps={"standard_error": np.array([0.1, 0.25])})
    assert "Standard error at most 0.25" in trust(noisy)
