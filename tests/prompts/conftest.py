"""Four prompts about films, explained by two methods."""

from __future__ import annotations

import pytest

from explain import TokenExplainer
from explain.prompts import compare_prompts
from prompts import METHODS, TEXTS


@pytest.fixture(scope="module")
def explainer():
    with TokenExplainer.from_pretrained("distilbert-mini", task="classification") as made:
        yield made


@pytest.fixture(scope="module")
def comparison(explainer):
    return compare_prompts(explainer, TEXTS, METHODS, target="positive")
