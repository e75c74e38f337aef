"""Head and layer ablation against one plain hook at a time on an untouched copy, on every family."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
import transformers

from explain.methods.head_ablation import Ablation, Head, HeadAblation, head_effects
from explain.models.trace import answers, base_run
from explain.inside.critical_heads import ablated_attribution, cumulative, over_texts
from explain.methods.layer_ablation import LayerAblation, layer_effects
from explain.methods.attention_rollout import AttentionRollout
from explain.methods.input_x_gradient import InputXGradient
from explain.methods.lrp import LRP
from explain.errors import InputError, UnsupportedError
from explain.explainer import TokenExplainer

TOLERANCE = 1e-5
OUTPUT_PROJECTIONS = (
    "attention.output.dense",
    "attn.c_proj",
    "SelfAttention.o",
    "EncDecAttention.o",
    "self_attn.out_proj",
    "encoder_attn.out_proj",
)


@pytest.fixture
def exact(case):
    """The same model in double precision, so that different batch sizes do not blur what is compared."""
    case.model.double()
    yield case
    case.model.float()


def projections(model, group):
    """The modules that read the joined heads, in order of layers, found by their names."""
    found = [(name, module) for name, module in model.named_modules() if name.endswith(OUTPUT_PROJECTIONS)]
    cross = [m for n, m in found if "EncDecAttention" in n or "encoder_attn" in n]
    if group == "cross":
        return cross
    side = {"encoder": "encoder.", "decoder": "decoder."}.get(group)
    return [m for n, m in found if not any(m is c for c in cross) and (side is None or side in n)]


def scored(explainer, question):
    found = answers(explainer.model, question, 1)
    return found.scores[0], found.probabilities[0], found.candidates[0]


def with_slice(module, heads, head, value, run):
    """Run with one head's slice before the output projection replaced, by a plain hook."""

    def hook(_, args):
        joined = args[0].clone()
        width = joined.shape[-1] // heads
        joined[..., head * width : (head + 1) * width] = value(joined[..., head * width : (head + 1) * width])
        return (joined, *args[1:])

    handle = module.register_forward_pre_hook(hook)
    try:
        return run()
    finally:
        handle.remove()


@pytest.mark.parametrize("ablation", list(Ablation))
def test_every_head_equals_a_plain_hook(exact, ablation):
    question = exact.questions()[-1]
    result = head_effects(exact.explainer.model, question, ablation)
    base = scored(exact.explainer, question)
    assert result.score == pytest.approx(base[0], abs=TOLERANCE)
    for group, effects in result.effect.items():
        modules = projections(exact.model, group)
        assert len(modules) >= len(effects)
        for (layer, head), effect in np.ndenumerate(effects):

            def value(part):
                return part.mean(-2, keepdim=True).expand_as(part) if ablation is Ablation.MEAN else torch.zeros_like(part)

            off = with_slice(modules[layer], effects.shape[1], head, value, lambda: scored(exact.explainer, question))
            assert effect == pytest.approx(base[0] - off[0], abs=TOLERANCE * max(1, abs(base[0])))
            if result.probability is not None:
                assert result.probability_effect[group][layer, head] == pytest.approx(base[1] - off[1], abs=TOLERANCE)
            assert result.flips[group][layer, head] == (base[2] != off[2])


def test_every_skipped_layer_equals_a_plain_hook(exact):
    question = exact.questions()[-1]
    model = exact.explainer.model
    result = layer_effects(model, question)
    base = scored(exact.explainer, question)
    assert set(result.effect) == set(base_run(model, question).sites) - {"cross"}
    for stack, effects in result.effect.items():
        for layer, effect in enumerate(effects):

            def hook(_, args, kwargs, output):
                hidden = args[0] if args else kwargs["hidden_states"]
                return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

            handle = model.instruments.architecture.blocks[stack][layer].register_forward_hook(hook, with_kwargs=True)
            off = scored(exact.explainer, question)
            handle.remove()
            assert effect == pytest.approx(base[0] - off[0], abs=TOLERANCE * max(1, abs(base[0])))
            assert result.flips[stack][layer] == (base[2] != off[2])


def test_all_heads_of_a_layer_are_the_attention_output(exact):
    question = exact.questions()[-1]
    model = exact.explainer.model
    for group, sites in base_run(model, question).sites.items():
        curve = cumulative(model, question, [Head(group, sites[-1].layer)])
        off = with_slice(
            projections(exact.model, group)[sites[-1].layer], 1, 0, torch.zeros_like, lambda: scored(exact.explainer, question)
        )
        assert curve.scores[1] == pytest.approx(off[0], abs=TOLERANCE * max(1, abs(off[0])))


def test_cumulative_curve_switches_off_one_head_after_the_other(exact):
    question = exact.questions()[-1]
    model = exact.explainer.model
    result = head_effects(model, question)
    curve = cumulative(model, question, result.ranked)
    first = result.ranked[0]
    assert len(curve.scores) == len(result.ranked) + 1
    assert curve.scores[0] == pytest.approx(result.score, abs=TOLERANCE)
    assert curve.scores[1] == pytest.approx(result.score - result.effect[first.group][first.layer, first.index], abs=1e-4)
    everything = cumulative(model, question, [Head(g, s.layer) for g, sites in base_run(model, question).sites.items() for s in sites])
    assert curve.scores[-1] == pytest.approx(everything.scores[-1], abs=TOLERANCE * max(1, abs(result.score)))
    assert curve.changed[0] == 0


@pytest.mark.parametrize("method", [HeadAblation(), HeadAblation(ablation=Ablation.MEAN), LayerAblation()], ids=lambda m: m.name)
def test_the_methods_score_every_token_and_hold_the_result(case, method):
    model = case.explainer.model
    question = case.questions()[-1]
    before = answers(model, question, 1).scores
    result = method.attribute(model, question)
    assert len(result.scores) == len(question.encoding.tokens)
    effects = {name: values for name, values in result.maps.items() if name.startswith("effect_")}
    assert effects
    if not question.encoding.has_prefix and "effect_decoder" not in effects:
        assert result.scores.sum() == pytest.approx(sum(values.sum() for values in effects.values()), abs=1e-4)
    assert answers(model, question, 1).scores == before


def test_attribution_with_heads_off_is_that_of_the_changed_model(case):
    model = case.explainer.model
    question = case.questions()[-1]
    group, sites = next(iter(base_run(model, question).sites.items()))
    found = ablated_attribution(model, question, InputXGradient(), [Head(group, sites[0].layer, 1)])

    def attribute():
        return InputXGradient().attribute(model, question).scores

    expected = with_slice(projections(case.model, group)[0], 4, 1, torch.zeros_like, attribute)
    assert found.ablated.scores == pytest.approx(expected, abs=1e-4 * max(1, float(np.abs(expected).max())))
    assert np.array_equal(found.normal.scores, attribute())
    assert found.difference == pytest.approx(found.ablated.scores - found.normal.scores)
    for method in (AttentionRollout(), LRP(ledger=False)):
        changed = ablated_attribution(model, question, method, [Head(group, sites[0].layer, 1)])
        assert changed.difference.any()


def test_one_head_that_does_all_the_work_is_found(tiny_tokenizer):
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(tiny_tokenizer), num_hidden_layers=3, hidden_size=32, num_attention_heads=4, intermediate_size=48, pad_token_id=0
    )
    model = transformers.BertForSequenceClassification(config).eval()
    for index, layer in enumerate(model.bert.encoder.layer):
        for module in (layer.attention.output.dense, layer.output.dense):
            torch.nn.init.zeros_(module.weight)
        if index == 1:
            layer.attention.output.dense.weight.data[:, 16:24].normal_()
            layer.attention.self.value.weight.data.normal_()
    with TokenExplainer(model, tiny_tokenizer, task="classification") as explainer:
        question = explainer.ask("the film was not very good").questions[0]
        result = head_effects(explainer.model, question)
    working = np.zeros((3, 4), dtype=bool)
    working[1, 2] = True
    assert abs(result.effect["self"][1, 2]) > 1e-3
    assert result.effect["self"][~working] == pytest.approx(0, abs=1e-6)


def test_mean_over_reference_texts(case):
    if case.task != "classification":
        pytest.skip("one task is enough")
    model = case.explainer.model
    question = case.questions()[0]
    own = head_effects(model, question, Ablation.MEAN)
    same = head_effects(model, question, Ablation.MEAN, reference=[case.text])
    other = head_effects(model, question, Ablation.MEAN, reference=["the plot was bad", case.text])
    for group in own.effect:
        assert same.effect[group] == pytest.approx(own.effect[group], abs=1e-6)
        assert not np.allclose(other.effect[group], own.effect[group])


def test_over_texts_averages_and_bounds(case):
    if case.task != "classification":
        pytest.skip("one task is enough")
    model = case.explainer.model
    texts = [case.text, "the plot was bad", "it was a good film"]
    results = [head_effects(model, case.explainer.ask(text, target=1).questions[0]) for text in texts]
    for group, found in over_texts(results, samples=200).items():
        values = np.stack([result.effect[group] for result in results])
        assert found.mean == pytest.approx(values.mean(0))
        assert (found.low <= found.mean + 1e-12).all()
        assert (found.mean <= found.high + 1e-12).all()
        assert np.array_equal(found.low, over_texts(results, samples=200)[group].low)
    with pytest.raises(InputError, match="at least one"):
        over_texts([])


def test_a_head_that_does_not_exist_is_named(case):
    question = case.questions()[0]
    with pytest.raises(InputError, match="There is no head 9 in layer 0"):
        cumulative(case.explainer.model, question, [Head(next(iter(case.explainer.model.attention_groups)), 0, 9)])


def test_shared_layers_have_heads_but_no_layers_to_skip(tiny_tokenizer):
    torch.manual_seed(0)
    config = transformers.AlbertConfig(
        vocab_size=len(tiny_tokenizer),
        embedding_size=16,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=48,
        initializer_range=0.4,
        pad_token_id=0,
    )
    model = transformers.AlbertForSequenceClassification(config).eval()
    with TokenExplainer(model, tiny_tokenizer, task="classification") as explainer:
        question = explainer.ask("the film was not very good").questions[0]
        assert head_effects(explainer.model, question).effect["self"].shape == (3, 4)
        assert head_effects(explainer.model, question).effect["self"].all()
        with pytest.raises(UnsupportedError, match="one layer at every depth"):
            LayerAblation().check(explainer.model)


def test_the_model_is_as_it_was(case):
    copy = deepcopy(case.model)
    question = case.questions()[-1]
    block = next(iter(case.explainer.model.instruments.architecture.blocks.values()))[0]
    before = answers(case.explainer.model, question, 1)
    head_effects(case.explainer.model, question)
    layer_effects(case.explainer.model, question)
    after = answers(case.explainer.model, question, 1)
    assert np.array_equal(before.scores, after.scores)
    assert all(torch.equal(a, b) for a, b in zip(copy.state_dict().values(), case.model.state_dict().values(), strict=True))
    assert "forward" in vars(block)


def test_a_copy_of_an_instrumented_model_runs_its_own_layers(tiny_tokenizer):
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(tiny_tokenizer), num_hidden_layers=2, hidden_size=32, num_attention_heads=4, intermediate_size=48
    )
    model = transformers.BertForSequenceClassification(config).eval()
    ids = torch.tensor([[1, 5, 6, 2]])
    plain = model(ids).logits
    with TokenExplainer(model, tiny_tokenizer, task="classification"):
        assert torch.equal(model(ids).logits, plain)
        copy = deepcopy(model)
        for parameter in copy.bert.encoder.layer.parameters():
            parameter.data.zero_()
        assert not torch.equal(copy(ids).logits, plain)
        assert torch.equal(model(ids).logits, plain)
    assert torch.equal(model(ids).logits, plain)
    assert all("forward" not in vars(layer) for layer in model.bert.encoder.layer)
