"""Value zeroing against the plain model with a hook on its value projection, one token and one layer at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from cases import Case
from hooks import VALUES, answer, projections
from torch import nn
from zoo import tiny

from explain import InputError, UnsupportedError
from explain.methods import value_zeroing
from explain.methods.attention_rollout import rollout
from explain.methods.value_zeroing import ValueZeroing, distances, rows_to_one, zeroing_steps
from explain.models import memory
from explain.models.score import Score
from explain.types import Array


def state_after(score: Score, block: nn.Module) -> torch.Tensor:
    """The state [n, d] that a plain pass has after a block: the first call counts."""
    seen: list[torch.Tensor] = []

    def hook(_: nn.Module, __: Any, output: Any) -> None:
        seen.append((output[0] if isinstance(output, tuple) else output)[0].detach())

    handle = block.register_forward_hook(hook)
    answer(score)
    handle.remove()
    return seen[0]


def slow_distances(exact: Case, score: Score, group: str, layer: int, keys: int) -> Array:
    block = exact.model.instruments.architecture.blocks["decoder" if group == "cross" else group][layer]
    projection = projections(exact.made.model, group, VALUES)[layer]
    plain = state_after(score, block)
    columns = []
    for key in range(keys):

        def zero(_: nn.Module, __: Any, output: torch.Tensor, key: int = key) -> torch.Tensor:
            output = output.clone()
            values = output[..., -output.shape[-1] // 3 :] if output.shape[-1] == 96 else output
            values[:, key] = 0
            return output

        handle = projection.register_forward_hook(zero)
        moved = state_after(score, block)
        handle.remove()
        columns.append(1 - torch.cosine_similarity(plain, moved, dim=-1))
    return torch.stack(columns, dim=1).numpy()


def test_distances_equal_a_hook_on_one_value_at_a_time(exact: Case) -> None:
    score = exact.score()
    found = distances(score)
    assert list(found) == list(score.trace.sites)
    for group, layers in found.items():
        for layer, matrix in enumerate(layers):
            tolerance = 1e-6 if exact.made.name.startswith("t5") else 1e-10  # T5's norms take the variance in float32
            assert matrix == pytest.approx(slow_distances(exact, score, group, layer, matrix.shape[1]), abs=tolerance)
            assert matrix.max() > 1e-4 or matrix.shape[0] == 1


def test_small_batches_give_the_same(exact: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    score = exact.score()
    whole = distances(score)
    monkeypatch.setattr(memory, "TOKENS", 45)
    assert score.rows_per_batch() < max(values.shape[-1] for values in whole.values())
    for group, values in distances(score).items():
        assert values == pytest.approx(whole[group], abs=1e-9)


@pytest.mark.parametrize("rolled_out", [True, False])
def test_scores_are_rows_of_the_product(case: Case, rolled_out: bool) -> None:
    score = case.score()
    before = answer(score)
    result = ValueZeroing(rolled_out=rolled_out).attribute(score)
    assert result.scores.sum() == pytest.approx(1)
    assert (result.scores >= 0).all()
    for name, values in result.maps.items():
        assert name.startswith("value_zeroing_")
        assert values.sum(-1) == pytest.approx(1)
    if "value_zeroing_self" in result.maps:
        layers = result.maps["value_zeroing_self"]
        joint = rollout(layers) if rolled_out else layers[-1]
        assert result.scores == pytest.approx(joint[list(result.positions)].mean(0))
    assert answer(score) == pytest.approx(before, abs=0, nan_ok=True)


@pytest.mark.parametrize("case", ["gpt2-next", "gpt2-generation"], indirect=True)
def test_a_causal_model_sees_nothing_ahead(case: Case) -> None:
    found = ValueZeroing().attribute(case.score()).maps["value_zeroing_self"]
    assert (np.triu(found, 1) == 0).all()
    assert np.tril(found).any()


@pytest.mark.parametrize("case", ["gpt2-next"], indirect=True)
def test_what_is_not_attended_to_moves_nothing_whatever_rounding_says(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    exactly, calls = value_zeroing._directions, 0

    def rounded(hidden: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return exactly(hidden) * (1 + calls * 1e-6)

    monkeypatch.setattr(value_zeroing, "_directions", rounded)
    for matrix in distances(case.score())["self"]:
        assert (matrix[np.triu_indices(len(matrix), 1)] == 0).all()
        assert (matrix[np.tril_indices(len(matrix))] > 0).all()


def test_steps_of_an_encoder_decoder_sum_to_one() -> None:
    rng = np.random.default_rng(0)
    moved = {"encoder": rng.random((3, 5, 5)), "decoder": np.tril(rng.random((2, 4, 4))), "cross": rng.random((2, 4, 5))}
    steps = zeroing_steps(moved)
    assert steps.layers.shape == (5, 9, 9)
    assert steps.layers.sum(-1) == pytest.approx(1)
    both = np.concatenate([moved["cross"], moved["decoder"]], axis=-1)
    assert steps.layers[3:, 5:] == pytest.approx(both / both.sum(-1, keepdims=True))
    assert (steps.layers[3:, :5] == np.eye(9)[:5]).all()


def test_a_state_that_nothing_moves_keeps_itself() -> None:
    assert rows_to_one(np.zeros((1, 2, 2))) == pytest.approx(np.eye(2)[None])
    assert rows_to_one(np.zeros((1, 2, 5)))[0] == pytest.approx(np.eye(2, 5, 3))


def test_shared_layers_say_so() -> None:
    made = tiny("albert-masked")
    with made.explainer() as explainer, pytest.raises(UnsupportedError, match="one layer at every depth"):
        explainer.analyze(made.text, ["value_zeroing"])


def test_texts_that_are_too_long_are_refused_with_what_they_would_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_zeroing, "MOST", 1000)
    made = tiny("gpt2-next")
    with (
        made.explainer() as explainer,
        pytest.raises(InputError, match=r"of 11 tokens would take 0\.0 GiB .* 2 layers, and the time of 11"),
    ):
        explainer.analyze(made.text, ["value_zeroing"])
