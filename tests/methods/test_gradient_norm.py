"""The gradient norm against captum on plain models that were never instrumented."""

from __future__ import annotations

import captum.attr
import pytest
from cases import Case

from explain.methods.gradient_norm import GradientNorm


def test_it_is_captums_saliency_on_the_plain_model(family: Case) -> None:
    score = family.score()
    reference = family.made.reference(score)
    expected = captum.attr.Saliency(reference).attribute(reference.embeddings().requires_grad_(), abs=False)
    found = GradientNorm().attribute(score)
    assert found.scores == pytest.approx(expected[0].norm(dim=-1).detach().numpy(), abs=1e-5)
    assert (found.scores >= 0).all()
    assert found.scores.any()
