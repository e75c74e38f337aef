"""Layers computed again give the gradients of the whole graph, keep less, and leave no trace."""

from __future__ import annotations

import weakref
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from alike import same
from zoo import tiny

from explain import IntegratedGradients, TokenExplainer
from explain.errors import StoppedError
from explain.methods.input_x_gradient import InputXGradient
from explain.models import memory
from explain.models.checkpointing import CHECKPOINTING, checkpointed
from explain.models.interruption import interruptible
from explain.models.score import Score
from explain.results import Attribution

QUICK = IntegratedGradients(steps=5, maximum_steps=10)


def found(explainer: TokenExplainer, text: str, graph: int) -> list[Attribution]:
    """Both methods, by layers computed again where a graph may take no more than so many bytes."""
    more = {"target": "bad plot not", "step": 2} if explainer.model.task.sequence else {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "GRAPH", graph)
        return [method.attribute(explainer.ask(text, **more).scores[0]) for method in (InputXGradient(), QUICK)]


@pytest.mark.parametrize(
    "name", ["bert-class", "modernbert-masked", "gpt2-next", "gpt2-class", "llama-next", "t5-generation", "bart-class"]
)
def test_gradients_are_those_of_the_whole_graph(name: str) -> None:
    """1e-12 in float64; T5 and others compute in float32 within."""
    made = tiny(name)
    for exact in (False, True):
        if exact:
            made.model.double()
        with made.explainer() as explainer:
            for whole, again in zip(found(explainer, made.text, 2**60), found(explainer, made.text, 0), strict=True):
                same(whole, again, relative=1e-12 if exact and not name.startswith("t5") else 1e-6)


def test_layers_keep_nothing_but_what_enters_them() -> None:
    made = tiny("gpt2-next")
    inner: list[weakref.ref[torch.Tensor]] = []
    for block in made.model.transformer.h:
        block.mlp.c_fc.register_forward_hook(lambda _, __, output: inner.append(weakref.ref(output)))
    with made.explainer() as explainer:
        score = explainer.ask(made.text).scores[0]
        for active, alive in ((nullcontext(), 2), (checkpointed(), 0)):
            inner.clear()
            embeddings = score.embeddings().requires_grad_()
            with torch.enable_grad(), active:
                value = score.of_embeddings(embeddings)
            assert sum(one() is not None for one in inner) == alive
            torch.autograd.grad(value, embeddings)
            assert len(inner) == 4 - alive
    assert CHECKPOINTING.get() is None


def test_it_can_be_stopped_between_layers() -> None:
    made = tiny("gpt2-next")
    calls = iter(range(100))

    def check() -> None:
        if next(calls) == 4:  # the pass, two layers, and one of them again
            raise StoppedError("Stopped.")

    with made.explainer() as explainer:
        score: Score = explainer.ask(made.text).scores[0].anew()
        with interruptible(check), checkpointed(), pytest.raises(StoppedError):
            score.gradient()
        assert np.isfinite(InputXGradient().attribute(score).scores).all()
