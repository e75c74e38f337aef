"""The effect of a template's fillers against plain forward passes."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch
from zoo import real

from explain import InputError, TokenExplainer
from explain.prompts import TemplateProbe, iter_template, probe_template

FRAMES = ("the film was {good|bad|not very good} but it saved", "actors: {bad|not very good|good}!")


FILLERS = ("good", "bad", "not very good")


def filled(frame: int, filler: str) -> str:
    return f"the film was {filler} but it saved" if frame == 0 else f"actors: {filler}!"


def test_the_mean_effect_is_what_plain_forward_passes_say():
    made = real("bert-class")
    with made.explainer() as explainer:
        found = probe_template(explainer, FRAMES, ["input_x_gradient"], target=1)
        logits = np.array([[float(made.logits(filled(frame, filler))[1]) for filler in FILLERS] for frame in range(2)])
        assert found.fillers == FILLERS
        assert found.frames == (filled(0, "…"), filled(1, "…"))
        assert found.scores == pytest.approx(logits, abs=1e-6)
        effects = logits - logits.mean(axis=1, keepdims=True)
        assert found.effect.mean == pytest.approx(effects.mean(0), abs=1e-6)
        assert found.effects.sum(1) == pytest.approx([0.0, 0.0], abs=1e-12)
        assert (found.effect.low <= found.effect.mean).all()
        assert (found.effect.mean <= found.effect.high).all()
        assert found.effect.low == pytest.approx(effects.min(0), abs=1e-6)  # of two frames: a quarter of the resamples hold one alone
        assert found.effect.high == pytest.approx(effects.max(0), abs=1e-6)
        for frame, number in itertools.product(range(2), range(3)):
            explanation = explainer.analyze(filled(frame, FILLERS[number]), ["input_x_gradient"], target=1)
            start = explanation.text.index(FILLERS[number])
            end = start + len(FILLERS[number])
            own = [i for i, token in enumerate(explanation.tokens) if not token.special and token.start < end and token.end > start]
            expected = explanation["input_x_gradient"].scores[own].sum()
            assert found.attributions[0, frame, number] == pytest.approx(expected, abs=1e-9)
    assert found.attribution["input_x_gradient"].mean == pytest.approx(found.attributions[0].mean(0))
    assert "2 frames" in found.note


def test_one_frame_has_no_interval_and_says_so():
    with real("bert-class").explainer() as explainer:
        found = probe_template(explainer, FRAMES[0], target=1, foil=0, unit="log_probability")
    assert np.isnan(found.effect.low).all()
    assert np.isnan(found.effect.high).all()
    assert "no interval" in found.note
    plain = found.to_dict()
    assert plain["effect"]["low"] == [None, None, None]
    json.dumps(plain, allow_nan=False)
    assert found.to_frame()["effect"].tolist() == found.effect.mean.tolist()
    assert found.methods == ()
    assert found.target == "1"
    assert found.attributions.shape == (0, 1, 3)


def test_other_slots_make_frames():
    with real("bert-class").explainer() as explainer:
        found = probe_template(explainer, "the {film|plot} was {good|bad}", target=1, slot=1)
        assert found.frames == ("the film was …", "the plot was …")
        other = probe_template(explainer, ["the {film|plot} was {good|bad}", "{bad|good} actors"], target=1, slot=1)
        assert other.frames == ("the film was …", "the plot was …", "… actors")
        assert other.scores[:2] == pytest.approx(found.scores, abs=1e-6)


@pytest.mark.parametrize("name", ["bert-masked", "roberta-masked", "t5-span"])
def test_fillers_are_found_after_blanks_that_the_tokenizer_writes_otherwise(name):
    made = real(name)
    templates = (
        ["___ was a {good|very bad} film", "but [MASK] is {very bad|good} ___"] if name != "t5-span" else ["___ was a {good|very bad} ___"]
    )
    with made.explainer() as explainer:
        results = list(iter_template(explainer, templates, ["input_x_gradient"], target="is"))
        for result in results:
            explanation = explainer.analyze(result.text, ["input_x_gradient"], target="is")
            start = explanation.text.index(result.filler)
            own = [
                i
                for i, token in enumerate(explanation.tokens)
                if not token.special and token.segment.value == "input" and token.start < start + len(result.filler) and token.end > start
            ]
            assert own
            assert result.attributions["input_x_gradient"] == pytest.approx(explanation["input_x_gradient"].scores[own].sum(), abs=1e-9)
            assert result.score == pytest.approx(explanation["input_x_gradient"].output, abs=1e-6)


def test_an_empty_filler_covers_no_token():
    with real("bert-class").explainer() as explainer:
        found = probe_template(explainer, "the act{or|}s saved it {very|}", ["input_x_gradient"], target=1)
    assert (found.attributions[0, :, 1] == 0).all()
    assert (found.attributions[0, :, 0] != 0).all()


def test_what_cannot_be_probed_is_said():
    with real("bert-class").explainer() as explainer:
        with pytest.raises(InputError, match="Template 2 has no slot with the fillers good, bad"):
            probe_template(explainer, ["{good|bad} film", "{good|very} film"], target=1)
        with pytest.raises(InputError, match="no slot 2: the first template has 1"):
            probe_template(explainer, "{good|bad} film", target=1, slot=2)
        with pytest.raises(InputError, match="comes twice"):
            probe_template(explainer, ["{good|bad} film", "{bad|good} film"], target=1)
        with pytest.raises(InputError, match="more than 5 combinations"):
            probe_template(explainer, ["{a|b} film", "{b|a} plot", "the {b|a}"], target=1, limit=5)
        with pytest.raises(InputError, match="No template"):
            probe_template(explainer, [], target=1)
        with pytest.raises(InputError, match=r"'good film': 9 is not a label"):
            probe_template(explainer, "{good|bad} film", target=9)
        results = list(iter_template(explainer, "{good|bad} film", target=1))
        others = list(iter_template(explainer, "{good|bad} plot", target=1))
    with pytest.raises(InputError, match="3 texts do not fill 2 frames with 2 fillers each"):
        TemplateProbe.of([*results, others[0]])
    with pytest.raises(InputError, match="0 texts"):
        TemplateProbe.of([])


def test_a_plain_text_to_text_classifier_is_probed_behind_its_prefix():
    torch.manual_seed(0)
    made = real("t5-span")
    with TokenExplainer(made.model, made.tokenizer, task="classification", labels=("positive", "negative"), prefix="film: ") as explainer:
        found = probe_template(explainer, "the film was {good|bad}", ["input_x_gradient"], target="positive")
        explanation = explainer.analyze("the film was bad", ["input_x_gradient"], target="positive")
    own = [i for i, token in enumerate(explanation.tokens) if not token.special and token.start >= len("film: the film was ")]
    assert found.attributions[0, 0, 1] == pytest.approx(explanation["input_x_gradient"].scores[own].sum(), abs=1e-9)
