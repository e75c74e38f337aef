"""A card replays to equal numbers; whatever was changed in it is found out; what is no card is refused by name."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import platform
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from zoo import real

import explain
from explain import Explanation, InputError, Question, TokenExplainer
from explain.defaults import TOLERANCE
from explain.models.bundled import FOLDER
from explain.models.identity import fingerprint
from explain.sharing.card import card, dumps, loads, read, request_of, write
from explain.sharing.replay import FLOOR, Replay, compare, replay
from explain.sharing.request import Request

NOON = datetime(2025, 6, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))
Change = Callable[[dict[str, Any]], None]


def explained(explainer: TokenExplainer, request: Request) -> Explanation:
    return explainer.analyze(request.question, request.methods, options=request.options)


def made(request: Request) -> dict[str, Any]:
    with TokenExplainer.from_pretrained(**request.loading) as explainer:
        return card(explained(explainer, request), explainer, request, created=NOON)


@pytest.fixture(scope="module")
def bert() -> dict[str, Any]:
    options = {"shap": {"seed": 7}, "integrated_gradients": {"baseline": "mask"}}
    methods = ["attention", "integrated_gradients", "shap", "lrp"]
    return made(Request("classification", "bert-mini", Question("It is not a good movie.", "positive", "negative"), methods, options))


@pytest.fixture(scope="module")
def compared(bert: dict[str, Any]) -> Iterator[Callable[[dict[str, Any]], Replay]]:
    """Changed cards against one new explanation of the unchanged card's question."""
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        explanation = explained(explainer, request_of(bert))
        yield lambda values: compare(values, explanation, explainer.model)


@pytest.fixture(scope="module")
def gpt2() -> dict[str, Any]:
    return made(Request("generation", "gpt2-mini", Question("The president said", " that he was"), ["input_x_gradient", "occlusion"]))


@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_a_replay_gives_equal_numbers(name: str, request: pytest.FixtureRequest) -> None:
    values = request.getfixturevalue(name)
    result = replay(loads(dumps(values)), tolerance=1e-6)
    assert result.equal
    assert not result.warnings
    assert not result.mismatches
    compared = {(difference.method, difference.quantity) for difference in result.differences}
    assert {(method["name"], "scores") for method in values["methods"]} < compared
    assert {(method["name"], "output") for method in values["methods"]} < compared
    assert all(difference.relative <= 1e-6 for difference in result.differences)
    assert result.explanation.target.text == values["answer"]["target"]["text"]


def test_masks_blanks_and_steps_are_replayed() -> None:
    for asked in (
        Request("masked_lm", "bert-mini", Question("[MASK] work in a [MASK].", position=1, unit="probability"), ["lrp"]),
        Request("span_infilling", "t5-mini", Question("He was born in ___ and died in ___.", position=1, step=0), ["input_x_gradient"]),
    ):
        values = made(asked)
        assert request_of(values).question.position == 1
        assert replay(values, tolerance=1e-6).equal


def test_ends_of_lines_may_be_shown_as_they_were() -> None:
    values = made(Request("next_token", "gpt2-mini", Question("He said\n\nso"), ["input_x_gradient"]))
    shown = values["answer"]["tokens"]
    older = [label.replace("⏎⏎", "…").replace("⏎", "Ċ") for label in shown]
    assert older != shown
    assert replay({**values, "answer": {**values["answer"], "tokens": older}}).equal
    assert not replay({**values, "answer": {**values["answer"], "tokens": [*older[:-1], "…"]}}).equal


def test_a_card_says_everything_that_decides_the_numbers(bert: dict[str, Any]) -> None:
    assert bert["format"] == 1
    assert bert["created"] == "2025-06-01T12:00:00Z"
    model = bert["model"]
    config = json.loads((FOLDER / "bert-mini/config.json").read_text())
    assert (model["name"], model["revision"], model["class"]) == ("bert-mini", None, "BertForSequenceClassification")
    assert (model["vocabulary"], model["device"], model["dtype"]) == (config["vocab_size"], "cpu", "float32")
    assert bert["question"] == {
        "task": "classification",
        "text": "It is not a good movie.",
        "target": "positive",
        "foil": "negative",
        "unit": None,
        "position": None,
        "step": None,
    }
    options = {method["name"]: method["options"] for method in bert["methods"]}
    for name, method in explain.METHODS.items():
        if name in options:
            assert set(options[name]) == {field.name for field in method.option_fields()}
    assert options["shap"]["seed"] == 7
    assert options["integrated_gradients"]["baseline"] == "mask"
    assert bert["versions"] == {
        "explain": explain.__version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("torch", "transformers", "captum", "shap", "numpy")},
    }
    gradients = next(method for method in bert["methods"] if method["name"] == "integrated_gradients")
    difference = gradients["output"] - gradients["baseline_output"]
    assert gradients["gap"] == pytest.approx(abs(math.fsum(gradients["scores"]) - difference) / abs(difference), abs=1e-9)
    assert gradients["passes"] > 16
    assert gradients["seconds"] > 0


def test_the_present_is_written_down(bert: dict[str, Any]) -> None:
    question = request_of(bert).question
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        explanation = explainer.analyze(question.text, ["attention"])
        before = datetime.now(UTC)
        created = datetime.fromisoformat(card(explanation, explainer, Request("classification", "bert-mini", question))["created"])
        assert before - timedelta(seconds=1) <= created <= datetime.now(UTC)
        with pytest.raises(InputError, match="explained: classification by bert-mini, got embedding by bert-mini"):
            card(explanation, explainer, Request("embedding", "bert-mini", question))


def test_the_fingerprint_is_that_of_the_plain_weights(bert: dict[str, Any]) -> None:
    plain = transformers.AutoModelForSequenceClassification.from_pretrained(FOLDER / "bert-mini", dtype=torch.float32)
    digest = hashlib.sha256()
    state = plain.state_dict()
    for name in sorted(state):
        array = state[name].numpy()
        digest.update(f"{name} torch.{array.dtype} {tuple(array.shape)}\n".encode() + array.tobytes())
    assert bert["model"]["fingerprint"] == digest.hexdigest()
    before = fingerprint(plain)
    with torch.no_grad():
        next(plain.parameters()).view(-1)[0] += 1e-6
    assert fingerprint(plain) not in (None, before)
    assert fingerprint(torch.nn.Linear(2, 2, device="meta")) is None


def _scaled(values: dict[str, Any], method: str, name: str) -> None:
    found = next(m for m in values["methods"] if m["name"] == method)
    found[name] *= 1.05


TAMPERED: dict[str, tuple[Change, str]] = {
    "a score": (lambda c: c["methods"][3]["scores"].__setitem__(4, c["methods"][3]["scores"][4] * 1.01), "lrp scores"),
    "an output": (lambda c: _scaled(c, "shap", "output"), "shap output"),
    "a baseline": (lambda c: _scaled(c, "integrated_gradients", "baseline_output"), "integrated_gradients baseline output"),
    "a gap": (lambda c: c["methods"][1].update(gap=0.5), "integrated_gradients gap"),
    "a lost gap": (lambda c: c["methods"][1].update(gap=None), "integrated_gradients: the card has nothing for gap"),
    "a tolerance": (lambda c: c["methods"][1].update(tolerance=0.5), "integrated_gradients tolerance"),
    "a probability": (lambda c: c["answer"]["target"].update(probability=0.9), "prediction target probability"),
    "a foil's logit": (lambda c: c["answer"]["foil"].update(logit=0.0), "prediction foil logit"),
    "the answer": (lambda c: c["answer"].update(text="positive"), "answer is 'positive', replayed it is 'negative'"),
    "a token": (lambda c: c["answer"]["tokens"].__setitem__(4, "so"), "tokens is"),
    "step scores": (lambda c: c["methods"][0].update(step_scores=[c["methods"][0]["scores"]]), "nothing."),
}


ASKED_OTHERWISE: dict[str, tuple[Change, str]] = {
    "the text": (lambda c: c["question"].update(text="It is not a bad movie."), "tokens is"),
    "the question": (lambda c: c["question"].update(target="negative", foil="positive"), "target is 'positive' (1)"),
    "the unit": (lambda c: c["question"].update(unit="probability"), "unit is logit, replayed it is probability"),
    "an option": (lambda c: c["methods"][0]["options"].update(baseline="zero"), "integrated_gradients scores"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_tampered_answer_is_found_out(what: str, bert: dict[str, Any], compared: Callable[[dict[str, Any]], Replay]) -> None:
    change, found = TAMPERED[what]
    values = copy.deepcopy(bert)
    assert compared(values).equal
    change(values)
    assert_found(compared(values), found)


@pytest.mark.parametrize("what", ASKED_OTHERWISE)
def test_a_tampered_question_is_found_out(what: str, bert: dict[str, Any]) -> None:
    change, found = ASKED_OTHERWISE[what]
    values = copy.deepcopy(bert)
    values["methods"] = values["methods"][1:2]
    change(values)
    assert_found(replay(values), found)


def assert_found(result: Replay, found: str) -> None:
    assert not result.equal
    said = [f"{d.method} {d.quantity}" for d in result.differences if not d.equal] + list(result.mismatches)
    assert any(found in line for line in said), said


def test_differences_are_the_largest_of_all_tokens(bert: dict[str, Any], compared: Callable[[dict[str, Any]], Replay]) -> None:
    values = copy.deepcopy(bert)
    scores = values["methods"][3]["scores"]
    largest = max(map(abs, scores))
    scores[0] += 0.25
    scores[1] -= 0.125
    found = next(d for d in compared(values).differences if (d.method, d.quantity) == ("lrp", "scores"))
    assert found.absolute == pytest.approx(0.25, rel=1e-6)
    assert found.relative == pytest.approx(0.25 / max(largest, abs(scores[0])), rel=1e-6)
    assert not found.equal
    values["methods"][3]["scores"] = [score + TOLERANCE * largest * 0.9 for score in bert["methods"][3]["scores"]]
    assert compared(values).equal
    assert FLOOR < TOLERANCE


def test_other_versions_and_weights_are_warned_of(bert: dict[str, Any], compared: Callable[[dict[str, Any]], Replay]) -> None:
    values = copy.deepcopy(bert)
    values["versions"]["torch"] = "1.0"
    values["model"]["fingerprint"] = "0" * 64
    result = compared(values)
    assert result.equal
    assert len(result.warnings) == 2
    assert f"version of torch was 1.0, here it is {metadata.version('torch')}" in result.warnings[1]
    assert "model fingerprint was 000" in result.warnings[0]


def test_a_model_in_hand_is_replayed_and_stays_open() -> None:
    tiny = real("gpt2-class", seed=1)
    with TokenExplainer(tiny.model, tiny.tokenizer, task="classification") as explainer:
        name = explainer.model.name
        request = Request("classification", name, Question("the film was not very good"), ["lrp", "occlusion"])
        values = card(explained(explainer, request), explainer, request)
        assert replay(values, explainer=explainer, tolerance=1e-6).equal
        assert replay(values, explainer=explainer, tolerance=1e-6).equal
    other = real("gpt2-class", seed=2)
    with TokenExplainer(other.model, other.tokenizer, task="classification") as explainer:
        result = replay(values, explainer=explainer)
    assert not result.equal
    assert any("fingerprint" in warning for warning in result.warnings)


def test_label_words_are_part_of_the_card() -> None:
    tiny = real("t5-span", seed=1)
    with TokenExplainer(tiny.model, tiny.tokenizer, task="classification", labels=("good", "bad"), prefix="film ") as explainer:
        request = Request("classification", explainer.model.name, Question("the plot was good"), ["input_x_gradient"])
        values = card(explained(explainer, request), explainer, request)
        assert (values["model"]["labels"], values["model"]["prefix"]) == (["good", "bad"], "film ")
        again = request_of(values)
        assert (again.labels, again.prefix) == (("good", "bad"), "film ")
        assert replay(values, explainer=explainer).equal


def test_a_file_gives_the_card_back(bert: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "card.json"
    write(bert, file)
    assert read(file) == bert
    assert json.loads(file.read_text(encoding="utf-8")) == bert


def test_a_card_of_an_earlier_version_is_still_replayed() -> None:
    values = read(Path(__file__).with_name("card-0.1.0.json"))
    request = request_of(values)
    assert request.question == Question("It is not a good movie.", "positive", "negative")
    assert request.methods == ("input_x_gradient", "lrp")
    result = replay(values)
    assert {"input_x_gradient", "lrp"} < {difference.method for difference in result.differences}
    assert any("version of explain was 0.1.0" in warning for warning in result.warnings)
    assert result.equal or any("fingerprint" in warning for warning in result.warnings)


def _without(name: str) -> Change:
    return lambda c: c.pop(name)


WRONG: dict[str, tuple[Change, str]] = {
    "other format": (lambda c: c.update(format=2), "format 2, but this version reads format 1"),
    "no model": (_without("model"), "The card has no field 'model'"),
    "no methods": (lambda c: c.update(methods=[]), "no methods"),
    "unknown": (lambda c: c.update(code="x"), "unknown field 'code'"),
    "model": (lambda c: c["model"].pop("name"), "The card's model has no field 'name'"),
    "vocabulary": (lambda c: c["model"].update(vocabulary="many"), "'vocabulary' must be a whole number, got 'many'"),
    "question": (lambda c: c["question"].update(position=[0]), "The card's question: field 'position'"),
    "target": (lambda c: c["answer"]["target"].update(logit=None), "The card's target: field 'logit' must be a finite number"),
    "foil": (lambda c: c["answer"].update(foil={}), "The card's foil has no field 'index'"),
    "scores": (lambda c: c["methods"][0]["scores"].pop(), "'attention' has 8 scores for 9 tokens"),
    "step scores": (lambda c: c["methods"][0].update(step_scores=[[0.0]]), "for 9 tokens"),
    "infinite": (lambda c: c["methods"][0].update(output=float("inf")), "'output' must be a finite number, got inf"),
    "text score": (lambda c: c["methods"][1]["scores"].__setitem__(0, "0"), "'integrated_gradients': field 'scores' must be a list"),
    "nested option": (lambda c: c["methods"][1]["options"].update(steps=[1]), "field 'options'"),
    "versions": (lambda c: c["versions"].update(torch=2), "'versions' must be an object"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named(what: str, bert: dict[str, Any]) -> None:
    change, message = WRONG[what]
    values = copy.deepcopy(bert)
    change(values)
    for use in (loads, dumps):
        given: Any = json.dumps(values) if use is loads else values
        with pytest.raises(InputError, match=re.escape(message)):
            use(given)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "nothing", '{"format": 1' + "0" * 5000 + "}"])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="The card is not JSON"):
        loads(text)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read(tmp_path / "none.json")
    (tmp_path / "binary").write_bytes(b"\x80\x04\xff")
    with pytest.raises(InputError, match="not text in UTF-8"):
        read(tmp_path / "binary")
    with pytest.raises(InputError, match="must be a JSON object, got \\[1\\]"):
        loads("[1]")


def test_an_unknown_option_or_method_is_refused(bert: dict[str, Any]) -> None:
    values = copy.deepcopy(bert)
    values["methods"][1]["options"]["eval"] = 1
    with pytest.raises(InputError, match="integrated_gradients has no option 'eval'"):
        replay(values)
    values = copy.deepcopy(bert)
    values["methods"][1]["name"] = "magic"
    with pytest.raises(explain.UnknownMethodError, match="'magic' is not known"):
        replay(values)
