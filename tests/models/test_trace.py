"""One recorded pass holds what the model computed, and changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cases import Case
from zoo import tiny

from explain.errors import UnsupportedError
from explain.inside.layers import attention_by_layer
from explain.methods.attention import AttentionWeights
from explain.methods.attention_rollout import AttentionRollout, HeadFusion
from explain.methods.layer_ablation import LayerAblation
from explain.models import memory
from explain.models.architectures import AttentionSite
from explain.models.passes import hidden_of
from explain.models.probes import AttentionRecorder
from explain.models.trace import record, stack_of


def test_a_trace_holds_logits_attention_and_states(case: Case) -> None:
    score = case.score().anew()
    trace = score.trace
    for group, weights in trace.attention().items():
        expected = case.made.eager(score.encoding)[group]
        np.testing.assert_allclose(weights, expected, atol=1e-5)
        assert [site.layer for site in trace.sites[group]] == list(range(len(expected)))
    assert list(trace.attention()) == list(trace.sites) == [g for g in case.model.attention_groups if g in trace.sites]
    with torch.no_grad():
        again = score.logits_of_rows(*score.encoding.batch())
    torch.testing.assert_close(trace.logits, again, atol=5e-5, rtol=0)
    assert not trace.logits.requires_grad
    for site, outputs in trace.outputs.items():
        assert outputs.shape[:2] == trace.weights[site].shape[::2]
        assert not outputs.requires_grad
        assert not hidden_of(trace.layers.outputs[stack_of(site), site.layer][0]).requires_grad


def test_it_is_recorded_once_and_counts_once_for_everybody_who_reads_it() -> None:
    made = tiny("bert-class")
    with made.explainer() as explainer:
        seen: list[int] = []
        made.model.bert.embeddings.word_embeddings.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
        score = explainer.ask(made.text).scores[0]
        first, second = score.recounted(), score.recounted()
        assert first.trace is first.trace is second.trace
        assert (first.passes, second.passes) == (1, 1)
        assert seen == [1, 1]  # asked, then recorded
        recorded = explainer.ask(made.text, methods=[AttentionWeights()]).scores[0]
        assert recorded.recounted().trace.attention()
        assert seen == [1, 1, 1]  # asked and recorded at once


def test_a_decoder_that_runs_several_times_is_recorded_each_time() -> None:
    made = tiny("t5-labels")
    with made.explainer(labels=("very good", "bad plot"), prefix="") as explainer:
        trace = explainer.ask(made.text).scores[0].trace
    assert [len(calls) for calls in trace.layers.outputs.values()] == [1, 1, 2, 2]
    assert trace.weights[next(s for s in trace.weights if s.group == "decoder")].shape[-1] == 2  # of the first answer


def test_what_is_too_large_to_keep_is_computed_when_it_is_read(exact: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same scores, one layer's attention at a time; T5 computes in float32 within."""
    methods = [AttentionWeights(), AttentionWeights(layer=1, head=2), AttentionRollout(), AttentionRollout(heads=HeadFusion.MIN)]
    if exact.model.instruments.architecture.blocks:
        methods.append(LayerAblation())
    tolerance = 1e-5 if exact.made.name.startswith("t5") else 1e-10
    kept = exact.score()
    assert kept.trace.kept
    monkeypatch.setattr(memory, "MAPS", -1)
    unkept = kept.anew()
    assert not unkept.trace.kept
    for method in methods:
        expected, found = method.attribute(kept), method.attribute(unkept)
        np.testing.assert_allclose(found.scores, expected.scores, atol=tolerance)
        assert found.positions == expected.positions
        assert not set(found.maps) & {"rollout", *unkept.trace.groups}
    np.testing.assert_allclose(attention_by_layer(unkept), attention_by_layer(kept), atol=tolerance)
    with pytest.raises(UnsupportedError, match=r"would take about 0\.0 GiB\. Use a shorter text, or a method that reads those"):
        unkept.trace.attention()
    for site, weights in kept.trace.weights.items():
        torch.testing.assert_close(unkept.trace.weights[site], weights, atol=tolerance, rtol=0)


def test_rows_of_a_batch_that_is_not_kept() -> None:
    made = tiny("gpt2-next")
    with made.explainer() as explainer:
        encoding = explainer.model.encode(made.text)
        task, model = explainer.model.task, explainer.model

        def forward() -> torch.Tensor:
            ids = torch.cat([encoding.inputs["input_ids"], encoding.inputs["input_ids"].flip(1)])
            return task.logits(model, encoding, {"input_ids": ids}, torch.tensor([3, 5]))

        with torch.no_grad():
            kept, unkept = (record(model.instruments, forward, weights=weights) for weights in (True, False))
        for one, other in zip(kept.rows(), unkept.rows(), strict=True):
            for site in one.weights:
                torch.testing.assert_close(one.weights[site], other.weights[site], atol=1e-6, rtol=0)
        assert AttentionSite("self", 9) not in unkept.weights


@pytest.mark.parametrize("case", ["bert-class", "t5-class"], indirect=True)
def test_resuming_needs_layers_of_their_own(case: Case) -> None:
    score = case.score()
    with score.trace.resumed("nowhere", 0, 1):
        whole = score.answers().scores
    assert whole == pytest.approx(score.answers().scores, abs=0)
    recorder = AttentionRecorder()
    last = list(score.trace.layers.inputs)[-1]
    with score.trace.resumed(last[0], last[1] - 1, 1), case.model.instruments.attention(recorder):
        score.answers()
    assert {site.layer for site in recorder.recorded} == {last[1]}
