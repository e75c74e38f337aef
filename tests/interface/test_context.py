"""A chat through the endpoints and the command line: its answer traced to documents, its scores summed to messages, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from copying import copying, prompt

from explain import InputError, UnsupportedError, attribute_context, compare_answers
from explain.__main__ import main
from explain.interface import endpoints

METHODS = ["lrp", "occlusion"]
ASKED = [{"role": "user", "content": "a"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that reads chats, in a folder."""
    path = tmp_path_factory.mktemp("copying")
    made = copying()
    made.model.save_pretrained(path)
    made.tokenizer.save_pretrained(path)
    return str(path)


def endpoint(name: str) -> Any:
    return next(made.function for made in endpoints.endpoints() if made.name == name)


def test_an_answer_is_traced_to_documents(folder: str) -> None:
    messages, documents, answer, chosen = prompt(2, documents=5)
    found = endpoint("context")(messages, documents=documents, target=answer, model=folder, methods=METHODS, seed=1)
    with copying().explainer() as explainer:
        core = attribute_context(explainer, messages, METHODS, documents=documents, target=answer, seed=1)
    assert found["sentences"] == list(core.sentences) == [answer]
    assert [segment["label"] for segment in found["segments"]] == core.labels
    for name, method in found["methods"].items():
        assert int(np.argmax(np.array(method["scores"])[:, 0])) == chosen
        np.testing.assert_allclose(method["scores"], core[name].scores, rtol=1e-4, atol=1e-5)


def test_scores_of_a_chat_are_summed_to_messages(folder: str) -> None:
    messages, documents, answer, _ = prompt(2, documents=3)
    asked = {"messages": messages, "documents": documents, "target": answer, "model": folder, "methods": METHODS}
    found = endpoint("generation")("", **asked, by="documents", span=answer.split()[0])
    assert found["target"]["text"] == answer.split()[0]
    sums = found["segments"]
    assert [part["label"] for part in sums["segments"] if not part["fixed"]] == ["document 1", "document 2", "document 3"]
    assert sum(sums["scores"]["lrp"]) == pytest.approx(sum(found["methods"]["lrp"]["scores"]), abs=1e-9)
    assert {token["role"] for token in found["tokens"] if "role" in token} == {"user", "document"}


def test_two_answers_are_compared(folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    messages, documents, answer, chosen = prompt(2, documents=3)
    other = answer.split()[1]
    asked = {"documents": documents, "target": answer, "foil": other, "measure": "mean"}
    found = endpoint("compare_answers")("", model=folder, methods=METHODS, messages=messages, by="documents", **asked)
    with copying().explainer() as explainer:
        core = compare_answers(explainer, messages, answer, other, METHODS, documents=documents)
    assert (found["target"]["text"], found["foil"]["text"]) == (answer, other)
    for name in METHODS:
        np.testing.assert_allclose(found["methods"][name]["scores"], core[name].scores, rtol=1e-4, atol=1e-5)
    sums = np.array(found["segments"]["scores"]["lrp"])
    assert sums[[not part["fixed"] for part in found["segments"]["segments"]]].argmax() == chosen
    card = endpoint("card")("", "generation", folder, ["lrp"], messages=messages, **asked)
    assert card["question"]["measure"] == "mean"
    assert endpoint("replay")(json.loads(json.dumps(card)))["equal"]
    del card["question"]["measure"]
    assert not endpoint("replay")(json.loads(json.dumps(card)))["equal"]
    for name, value in (("messages", messages), ("documents", documents)):
        (tmp_path / name).write_text(json.dumps(value))
    lists = ["--messages", str(tmp_path / "messages"), "--documents", str(tmp_path / "documents"), "--model", folder]
    kept = tmp_path / "page.html"
    answers = ["--task", "generation", "--target", answer, "--foil", other, "--measure", "mean", "--html", str(kept)]
    assert main(["text", *lists, *answers]) == 0
    assert "mean over the tokens of each answer" in kept.read_text()
    assert f"{answer} rather than {other}" in capsys.readouterr().out


WRONG: dict[str, tuple[str, dict[str, Any], type[Exception], str]] = {
    "no template": (
        "context",
        {"messages": [{"role": "user", "content": "a"}], "model": "gpt2-mini"},
        UnsupportedError,
        "no chat template",
    ),
    "no messages": ("context", {"messages": []}, InputError, "'messages' .* must be a list of 1 to"),
    "role": ("context", {"messages": [{"role": "bot", "content": "a"}]}, InputError, "The role 'bot' is not known"),
    "level": ("next_token", {"text": "The", "by": "lines"}, InputError, "'by' .* must be one of tokens, words"),
    "no answers": ("compare_answers", {"text": "a", "target": "b", "foil": "c", "task": "classification"}, UnsupportedError, "no answers"),
    "no sign": (
        "compare_answers",
        {"text": "a", "target": "b", "foil": "c", "methods": ["attention"], "model": "gpt2-mini"},
        UnsupportedError,
        "Attention has no sign",
    ),
    "both": ("generation", {"text": "The", "messages": ASKED}, InputError, "A text and messages were given"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_asked_is_said(what: str) -> None:
    name, asked, error, message = WRONG[what]
    with pytest.raises(error, match=message):
        endpoint(name)(**asked)


def test_a_card_of_a_chat_is_replayed(folder: str) -> None:
    messages, documents, answer, _ = prompt(3, documents=3)
    asked = {"messages": messages, "documents": documents, "target": answer, "span": [0, 2]}
    card = endpoint("card")("", "generation", folder, ["lrp"], **asked)
    assert card["question"]["messages"] == messages
    assert card["question"]["span"] == [0, 2]
    again = endpoint("replay")(json.loads(json.dumps(card)))
    assert again["equal"], again


def test_the_command_line_traces_and_sums(folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    messages, documents, answer, chosen = prompt(2, documents=5)
    for name, value in (("messages", messages), ("documents", documents)):
        (tmp_path / name).write_text(json.dumps(value))
    lists = ["--messages", str(tmp_path / "messages"), "--documents", str(tmp_path / "documents"), "--model", folder]
    kept = tmp_path / "found.json"
    assert main(["context", *lists, "--target", answer, "--method", "lrp", "--json", str(kept)]) == 0
    printed = capsys.readouterr().out
    assert re.search(rf"^Sentence 1: {answer}$", printed, re.MULTILINE)
    assert re.search(r"^method +falls by, without 1 +falls by, without 3 +rank correlation$", printed, re.MULTILINE)
    scores = np.array(json.loads(kept.read_text())["methods"]["lrp"]["scores"])
    assert scores.argmax() == chosen
    assert f"document {chosen + 1}  {scores[chosen, 0]:+10.4f}" in printed
    asked = ["--task", "generation", "--target", answer, "--method", "lrp", "--by", "documents", "--no-special"]
    assert main(["text", *lists, *asked]) == 0
    assert re.search(rf"^document {chosen + 1} +\+\d", capsys.readouterr().out, re.MULTILINE)
    assert main(["context", *lists[:4]]) == 2
    assert "No model on board reads chats" in capsys.readouterr().err
    (tmp_path / "messages").write_text("{}")
    assert main(["context", *lists]) == 2
    assert "must hold a JSON list, got dict" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["context", "--model", folder])
    assert "give --messages" in capsys.readouterr().err
