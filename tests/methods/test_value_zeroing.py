"""Value zeroing against the plain model with a hook on its value projection, one token and one layer at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers

from explain.models.trace import base_run
from explain.methods.attention_rollout import influence_scores, rollout
from explain.methods.value_zeroing import ValueZeroing, distances, rows_to_one, zeroing_steps
from explain.errors import UnsupportedError
from explain.explainer import TokenExplainer

VALUES = ("self.value", "SelfAttention.v", "EncDecAttention.v", "self_attn.v_proj", "encoder_attn.v_proj", "attn.c_attn")


@pytest.fixture
def exact(case):
    """The same model in double precision."""
    case.model.double()
    yield case
    case.model.float()


def value_projections(model, group):
    found = [(name, module) for name, module in model.named_modules() if name.endswith(VALUES)]
    cross = [m for n, m in found if "EncDecAttention" in n or "encoder_attn" in n]
    if group == "cross":
        return cross
    side = {"encoder": "encoder.", "decoder": "decoder."}.get(group)
    return [m for n, m in found if not any(m is c for c in cross) and (side is None or side in n)]


def state_after(case, question, block):
    """The state [n, d] that a plain pass has after a block: the first call counts."""
    seen = []

    def hook(_, __, output):
        seen.append((output[0] if isinstance(output, tuple) else output)[0].detach())

    handle = block.register_forward_hook(hook)
    case.explainer.model.score(question).value()
    handle.remove()
    return seen[0]


def slow_distances(case, question, group, layer, keys):
    block = case.explainer.model.instruments.architecture.blocks["decoder" if group == "cross" else group][layer]
    projection = value_projections(case.model, group)[layer]
    plain = state_after(case, question, block)
    columns = []
    for key in range(keys):

        def zero(_, __, output, key=key):
            output = output.clone()
            values = output[..., -output.shape[-1] // 3 :] if output.shape[-1] == 96 else output
            values[:, key] = 0
            return output

        handle = projection.register_forward_hook(zero)
        moved = state_after(case, question, block)
        handle.remove()
        columns.append(1 - torch.cosine_similarity(plain, moved, dim=-1))
    return torch.stack(columns, dim=1).numpy()


def test_distances_equal_a_hook_on_one_value_at_a_time(exact):
    question = exact.questions()[-1]
    found = distances(exact.explainer.model, question)
    assert list(found) == list(base_run(exact.explainer.model, question).sites)
    for group, layers in found.items():
        for layer, matrix in enumerate(layers):
            assert matrix == pytest.approx(slow_distances(exact, question, group, layer, matrix.shape[1]), abs=1e-5)
            assert matrix.max() > 1e-4 or matrix.shape[0] == 1


def test_small_batches_give_the_same(exact, monkeypatch):
    question = exact.questions()[-1]
    whole = distances(exact.explainer.model, question)
    monkeypatch.setattr("explain.models.explained_model.TOKENS_PER_BATCH", 45)
    for group, values in distances(exact.explainer.model, question).items():
        assert values == pytest.approx(whole[group], abs=1e-9)


@pytest.mark.parametrize("rolled_out", [True, False])
def test_scores_are_rows_of_the_product(case, rolled_out):
    model = case.explainer.model
    question = case.questions()[-1]
    before = model.score(question).value()
    result = ValueZeroing(rolled_out=rolled_out).attribute(model, question)
    assert result.scores.sum() == pytest.approx(1)
    assert (result.scores >= 0).all()
    for name, values in result.maps.items():
        assert name.startswith("value_zeroing_")
        assert values.sum(-1) == pytest.approx(1)
    if "value_zeroing_self" in result.maps:
        layers = result.maps["value_zeroing_self"]
        joint = rollout(layers) if rolled_out else layers[-1]
        assert result.scores == pytest.approx(influence_scores(joint[list(result.positions)], question.encoding, 0))
    assert model.score(question).value() == before


def test_a_causal_model_sees_nothing_ahead(case):
    if "self" not in case.explainer.model.attention_groups or case.task not in ("next_token", "generation"):
        pytest.skip("not causal")
    found = ValueZeroing().attribute(case.explainer.model, case.questions()[-1]).maps["value_zeroing_self"]
    assert (np.triu(found, 1) == 0).all()


def test_steps_of_an_encoder_decoder_sum_to_one():
    rng = np.random.default_rng(0)
    moved = {"encoder": rng.random((3, 5, 5)), "decoder": np.tril(rng.random((2, 4, 4))), "cross": rng.random((2, 4, 5))}
    steps = zeroing_steps(moved)
    assert steps.layers.shape == (5, 9, 9)
    assert steps.layers.sum(-1) == pytest.approx(1)
    both = np.concatenate([moved["cross"], moved["decoder"]], axis=-1)
    assert steps.layers[3:, 5:] == pytest.approx(both / both.sum(-1, keepdims=True))
    assert (steps.layers[3:, :5] == np.eye(9)[:5]).all()


def test_a_state_that_nothing_moves_keeps_itself():
    assert rows_to_one(np.zeros((1, 2, 2))) == pytest.approx(np.eye(2)[None])
    assert rows_to_one(np.zeros((1, 2, 5)))[0] == pytest.approx(np.eye(2, 5, 3))


def test_shared_layers_say_so(tiny_tokenizer):
    config = transformers.AlbertConfig(
        vocab_size=len(tiny_tokenizer), embedding_size=16, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48
    )
    model = transformers.AlbertForSequenceClassification(config).eval()
    with (
        TokenExplainer(model, tiny_tokenizer, task="classification") as explainer,
        pytest.raises(UnsupportedError, match="one layer at every depth"),
    ):
        ValueZeroing().check(explainer.model)
