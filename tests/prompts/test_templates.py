"""Templates: what they expand to, what is wrong with them, and the effect of fillers against plain forward passes."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import real

from explain import InputError, TokenExplainer
from explain.prompts.slots import parse
from explain.prompts.templates import Slot, expand, place_in, probe, probe_texts, summarise


def texts(template: str) -> list[str]:
    return [filled.text for filled in expand(template)]


def test_every_filler_is_put_in():
    found = expand("The {doctor| nurse |engineer} said that [MASK] was {busy|late}.")
    assert [filled.text for filled in found] == [
        f"The {who} said that [MASK] was {how}." for who in ("doctor", "nurse", "engineer") for how in ("busy", "late")
    ]
    for filled in found:
        assert [filler.slot for filler in filled.fillers] == [0, 1]
        assert all(filled.text[filler.start : filler.end] == filler.text for filler in filled.fillers)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (r"\{a|b\} {c|d}", ["{a|b} c", "{a|b} d"]),
        (r"{a\|b|\{c\}}!", ["a|b!", "{c}!"]),
        (r"a\\{b|c}\n\x", [r"a\b\n\x", r"a\c\n\x"]),
        ("a|b {c|d}", ["a|b c", "a|b d"]),
        ("not {very|} good", ["not very good", "not good"]),
        ("{Very|} good", ["Very good", "good"]),
        ("good{ly|}!", ["goodly!", "good!"]),
        ("{a|b}{c|d}", ["ac", "ad", "bc", "bd"]),
        ("{é|中文|👍🏽} x", ["é x", "中文 x", "👍🏽 x"]),
    ],
)
def test_escapes_and_empty_fillers(template, expected):
    assert texts(template) == expected


@given(
    st.lists(
        st.lists(st.text("ab{}|\\é ", min_size=1).map(str.strip).filter(bool), min_size=2, max_size=3, unique=True), min_size=1, max_size=3
    )
)
def test_what_is_escaped_comes_back(slots):
    def escaped(text):
        return "".join("\\" + sign if sign in "{}|\\" else sign for sign in text)

    template = " x ".join("{" + "|".join(map(escaped, fillers)) + "}" for fillers in slots)
    found = expand(template)
    assert [filled.text for filled in found] == [" x ".join(chosen) for chosen in itertools.product(*slots)]
    assert all(filled.text[f.start : f.end] == f.text for filled in found for f in filled.fillers)
    assert [piece.fillers for piece in parse(template) if isinstance(piece, Slot)] == [tuple(fillers) for fillers in slots]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("no slot", "has no slot"),
        ("an {open|slot", "opened by character 4 .* is not closed"),
        ("a closed} slot", "Character 9 .* closes a slot that was not opened"),
        ("{a|{b|c}}", "Character 4 .* opens a slot within a slot"),
        ("{alone}", "has one filler"),
        ("{}", "has one filler"),
        ("{a|b| a }", "has the filler 'a' twice"),
        ("{" + "|".join(map(str, range(15))) + "} {" + "|".join(map(str, range(14))) + "}", "15 x 14 = 210 combinations; at most 200"),
    ],
)
def test_what_is_wrong_is_said(template, said):
    with pytest.raises(InputError, match=said):
        expand(template)


def test_the_limit_can_be_set():
    assert len(expand("{a|b} {c|d}", limit=4)) == 4
    with pytest.raises(InputError, match="at most 3"):
        expand("{a|b} {c|d}", limit=3)


FRAMES = ("the film was {good|bad|not very good} but it saved", "actors: {bad|not very good|good}!")
FILLERS = ("good", "bad", "not very good")


def filled(frame: int, filler: str) -> str:
    return f"the film was {filler} but it saved" if frame == 0 else f"actors: {filler}!"


def test_the_mean_effect_is_what_plain_forward_passes_say():
    made = real("bert-class")
    with made.explainer() as explainer:
        found = probe(explainer, FRAMES, ["input_x_gradient"], target=1)
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
        found = probe(explainer, FRAMES[0], target=1, foil=0, unit="log_probability")
    assert np.isnan(found.effect.low).all()
    assert np.isnan(found.effect.high).all()
    assert "no interval" in found.note
    plain = found.to_dict()
    assert plain["effect"]["low"] == [None, None, None]
    json.dumps(plain, allow_nan=False)
    assert found.to_frame()["effect"].tolist() == found.effect.mean.tolist()
    assert found.methods == ()
    assert found.attributions.shape == (0, 1, 3)


def test_other_slots_make_frames():
    with real("bert-class").explainer() as explainer:
        found = probe(explainer, "the {film|plot} was {good|bad}", target=1, slot=1)
        assert found.frames == ("the film was …", "the plot was …")
        other = probe(explainer, ["the {film|plot} was {good|bad}", "{bad|good} actors"], target=1, slot=1)
        assert other.frames == ("the film was …", "the plot was …", "… actors")
        assert other.scores[:2] == pytest.approx(found.scores, abs=1e-6)


@pytest.mark.parametrize("name", ["bert-masked", "roberta-masked", "t5-span"])
def test_fillers_are_found_after_blanks_that_the_tokenizer_writes_otherwise(name):
    made = real(name)
    templates = (
        ["___ was a {good|very bad} film", "but [MASK] is {very bad|good} ___"] if name != "t5-span" else ["___ was a {good|very bad} ___"]
    )
    with made.explainer() as explainer:
        results = list(probe_texts(explainer, templates, ["input_x_gradient"], target="is"))
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
        found = probe(explainer, "the act{or|}s saved it {very|}", ["input_x_gradient"], target=1)
    assert (found.attributions[0, :, 1] == 0).all()
    assert (found.attributions[0, :, 0] != 0).all()


def test_places_move_with_prefixes_and_blanks():
    assert place_in("a b", "sst2: a b", "<mask>")(2) == 8
    moved = place_in("___[MASK] a ____ b", "<mask><mask> a <mask> b", "<mask>")
    assert [moved(place) for place in (0, 3, 9, 10, 11, 12, 16, 17, 18)] == [0, 6, 12, 13, 14, 15, 21, 22, 23]
    sentinels = place_in("__ a ___.", "<extra_id_0> a <extra_id_1>.", "None")
    assert sentinels(3) == 13
    with pytest.raises(InputError, match="cannot be found"):
        place_in("a", "b", "<mask>")


def test_what_cannot_be_probed_is_said():
    with real("bert-class").explainer() as explainer:
        with pytest.raises(InputError, match="Template 2 has no slot with the fillers good, bad"):
            probe(explainer, ["{good|bad} film", "{good|very} film"], target=1)
        with pytest.raises(InputError, match="no slot 2: the first template has 1"):
            probe(explainer, "{good|bad} film", target=1, slot=2)
        with pytest.raises(InputError, match="comes twice"):
            probe(explainer, ["{good|bad} film", "{bad|good} film"], target=1)
        with pytest.raises(InputError, match="more than 5 combinations"):
            probe(explainer, ["{a|b} film", "{b|a} plot", "the {b|a}"], target=1, limit=5)
        with pytest.raises(InputError, match="No template"):
            probe(explainer, [], target=1)
        with pytest.raises(InputError, match=r"'good film': 9 is not a label"):
            probe(explainer, "{good|bad} film", target=9)
        results = list(probe_texts(explainer, "{good|bad} film", target=1))
        others = list(probe_texts(explainer, "{good|bad} plot", target=1))
    with pytest.raises(InputError, match="3 texts do not fill 2 frames with 2 fillers each"):
        summarise([*results, others[0]], target="1")
    with pytest.raises(InputError, match="0 texts"):
        summarise([], target="1")


def test_a_plain_text_to_text_classifier_is_probed_behind_its_prefix():
    torch.manual_seed(0)
    made = real("t5-span")
    with TokenExplainer(made.model, made.tokenizer, task="classification", labels=("positive", "negative"), prefix="film: ") as explainer:
        found = probe(explainer, "the film was {good|bad}", ["input_x_gradient"], target="positive")
        explanation = explainer.analyze("the film was bad", ["input_x_gradient"], target="positive")
    own = [i for i, token in enumerate(explanation.tokens) if not token.special and token.start >= len("film: the film was ")]
    assert found.attributions[0, 0, 1] == pytest.approx(explanation["input_x_gradient"].scores[own].sum(), abs=1e-9)
