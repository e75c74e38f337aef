"""One recorded pass holds what the model computed, and changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cases import Case
from zoo import tiny

from explain.methods.attention import AttentionWeights
from explain.models.passes import hidden_of
from explain.models.probes import AttentionRecorder
from explain.models.trace import stack_of


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
