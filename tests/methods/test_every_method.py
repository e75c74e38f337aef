"""What holds of every method on every family: shared passes change no number, nor does the order, a repetition, or another thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest
import torch
from alike import same
from zoo import FAMILIES, SHARED, Tiny, tiny

from explain import METHODS, Method
from explain.methods.catalog import make_methods


def methods_for(made: Tiny) -> tuple[Method, ...]:
    names = [name for name in METHODS if made.name not in SHARED or name not in ("value_zeroing", "layer_ablation")]
    options = {"shap": {"estimator": "kernel", "evaluations": 40}, "integrated_gradients": {"maximum_steps": 50}}
    return make_methods(names, options)


@pytest.mark.parametrize("name", FAMILIES)
def test_what_methods_share_changes_no_number(name: str) -> None:
    """In float64: each alone on a score that knows nothing, together in both orders from one recorded pass, and once more."""
    made = tiny(name)
    made.model.double()
    asked: dict[str, Any] = {"step": 0} if made.task in ("generation", "span_infilling") else {}
    # T5 takes the variance in its norms, Llama and its like their norms and rotations in float32 whatever the model's own precision.
    exact = not name.startswith(("t5", "llama", "qwen2", "modernbert"))
    with made.explainer() as explainer:
        methods = methods_for(made)
        alone = {method.name: method.attribute(explainer.ask(made.text, **asked).scores[0].anew()) for method in methods}
        for order in (methods, methods[::-1]):
            analysis = explainer.ask(made.text, methods=order, **asked)
            for method in order:
                found = method.attribute(analysis.scores[0])
                same(found, alone[method.name], relative=1e-12 if exact else 1e-5)
        for method in methods:
            again = method.attribute(analysis.scores[0])
            same(again, alone[method.name], relative=1e-12 if exact else 1e-5)
            assert np.array_equal(again.scores, method.attribute(analysis.scores[0]).scores), method.name
            assert again.output == pytest.approx(alone[method.name].output, rel=1e-12 if exact else 1e-5)


@pytest.mark.parametrize("name", ["bert-class", "gpt2-next", "t5-span"])
def test_threads_with_different_methods_do_not_disturb_each_other(name: str) -> None:
    """Eight at a time on one model: plain gradients, relevance, recordings, zeroed values, skipped layers, perturbed texts."""
    made = tiny(name)
    asked: dict[str, Any] = {"target": "film", "step": 0} if name == "t5-span" else {}
    names = ["attention", "input_x_gradient", "lrp", "value_zeroing", "head_ablation", "layer_ablation", "occlusion", "gradient_norm"]
    together = Barrier(8)
    with made.explainer() as explainer:
        serial = {method: explainer.analyze(made.text, [method], **asked)[method].scores for method in names}
        plain = made.model(**made.plain_inputs())[0]

        def work(start: int) -> bool:
            torch.set_num_threads(1)
            together.wait()
            good = True
            for step in range(len(names)):
                method = names[(start + step) % len(names)]
                good &= np.array_equal(explainer.analyze(made.text, [method], **asked)[method].scores, serial[method])
                good &= torch.equal(made.model(**made.plain_inputs())[0], plain)
            return good

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(work, range(8)))
