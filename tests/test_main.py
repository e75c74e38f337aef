"""The command line: tables, files, replays and one clear line for every error."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from processes import Python

from explain import METHODS, TASKS, Question, TokenExplainer, Unit
from explain.__main__ import main
from explain.models.bundled import bundled_names
from explain.sharing.card import read
from explain.sharing.exports import EXPORTS
from explain.visualization.numbers import percent

TEXT = "It is not a good movie."
Captured = pytest.CaptureFixture[str]


def bars_of(line: str) -> list[tuple[float, str]]:
    return [(float(number), bar) for number, bar in re.findall(r"([+-]\d+\.\d{4})(?: ([-+=]+))?", line)]


def test_a_text_is_explained_in_a_table(capsys: Captured) -> None:
    asked = ["--target", "positive", "--foil", "negative", "--unit", "log_probability"]
    assert main(["text", TEXT, "--model", "bert-mini", "--method", "lrp", "--method", "attention", *asked]) == 0
    printed = capsys.readouterr()
    assert not printed.err
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        expected = explainer.analyze(TEXT, ["lrp", "attention"], target="positive", foil="negative", unit=Unit.LOG_PROBABILITY)
    lines = printed.out.splitlines()
    assert lines[0] == f"bert-mini · classification · {TEXT}"
    chance = percent(expected.target.probability)
    assert lines[1].startswith(f"Why positive rather than negative (probability {chance})? Unit: log-probability.")
    rows = lines[4 : 4 + len(expected.tokens)]
    for row, token, (lrp, attention) in zip(rows, expected.tokens, zip(*(a.scores for a in expected), strict=True), strict=True):
        assert row.split()[0] == token.label
        (first, first_bar), (second, second_bar) = bars_of(row)
        assert (first, second) == (pytest.approx(lrp, abs=5.1e-5), pytest.approx(attention, abs=5.1e-5))
        assert first_bar == ("+" if lrp > 0 else "-") * round(10 * abs(lrp) / abs(expected["lrp"].scores).max())
        assert second_bar == "=" * round(10 * attention / expected["attention"].scores.max())
    assert lines[-2].startswith("LRP: ")
    assert "Within the tolerance of 0.001" in lines[-2]
    assert "The scores are the same for every target" in lines[-1]


def test_every_file_is_written(tmp_path: Path, capsys: Captured) -> None:
    files = {kind: tmp_path / f"result.{kind}" for kind in EXPORTS}
    flags = [part for kind, file in files.items() for part in (f"--{kind}", str(file))]
    asked = [
        "--method",
        "integrated_gradients",
        "--option",
        "integrated_gradients.baseline=mask",
        "--option",
        "integrated_gradients.steps=8",
    ]
    assert main(["text", TEXT, *asked, "--method", "attention", "--maps", *flags]) == 0
    assert not capsys.readouterr().err
    result = json.loads(files["json"].read_text())
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        expected = explainer.analyze(
            TEXT, ["integrated_gradients", "attention"], options={"integrated_gradients": {"baseline": "mask", "steps": 8}}
        )
    scores = expected["integrated_gradients"].scores
    np.testing.assert_allclose(result["methods"]["integrated_gradients"]["scores"], scores, rtol=1e-6)
    assert np.shape(result["methods"]["attention"]["maps"]["self"]) == expected["attention"].maps["self"].shape
    table = pd.read_csv(files["csv"])
    np.testing.assert_allclose(table["integrated_gradients"], scores, rtol=1e-6)
    assert list(table["token"]) == [token.label for token in expected.tokens]
    card = read(files["card"])
    assert card["methods"][0]["options"]["baseline"] == "mask"
    assert card["question"]["task"] == "classification"
    page = files["html"].read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert card["model"]["fingerprint"] in page
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in files["svg"].read_bytes()


def test_a_card_is_replayed(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "card.json"
    assert main(["text", "The president said", "--model", "gpt2-mini", "--method", "input_x_gradient", "--card", str(file)]) == 0
    capsys.readouterr()
    assert main(["replay", str(file), "--tolerance", "1e-6"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^input_x_gradient +scores +\d\.\d\de[-+]\d\d +\d\.\d\de[-+]\d\d +equal$", printed, re.MULTILINE)
    assert printed.endswith("Equal (relative tolerance 1e-06).\n")

    card = json.loads(file.read_text())
    card["methods"][0]["scores"][1] += 0.1
    card["answer"]["text"] = "nonsense"
    card["versions"]["torch"] = "0.1"
    file.write_text(json.dumps(card))
    assert main(["replay", str(file)]) == 1
    printed = capsys.readouterr().out
    assert re.search(r"^input_x_gradient +scores +1\.00e-01 .*DIFFERENT$", printed, re.MULTILINE)
    assert "DIFFERENT: The card's answer is 'nonsense'" in printed
    assert "Note: The card's version of torch was 0.1" in printed
    assert printed.endswith("Not equal (relative tolerance 0.0001).\n")

    del card["model"]
    file.write_text(json.dumps(card))
    assert main(["replay", str(file)]) == 2
    assert capsys.readouterr() == ("", "python -m explain: The card has no field 'model'. It needs a JSON object there.\n")


def test_label_words_of_a_text_to_text_model_are_asked_and_replayed(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "card.json"
    words = ["--label", "negative", "--label", "positive", "--prefix", "sst2 sentence: "]
    asked = ["--model", "t5-mini", "--task", "classification", *words, "--target", "positive", "--method", "input_x_gradient"]
    assert main(["text", TEXT, *asked, "--card", str(file)]) == 0
    assert "Why positive" in capsys.readouterr().out
    card = read(file)
    assert (card["model"]["labels"], card["model"]["prefix"]) == (["negative", "positive"], "sst2 sentence: ")
    assert main(["replay", str(file), "--tolerance", "1e-6"]) == 0


def test_every_field_of_a_question_is_a_flag(capsys: Captured) -> None:
    with pytest.raises(SystemExit):
        main(["text", "--help"])
    printed = capsys.readouterr().out
    for name in Question.__dataclass_fields__:
        assert name == "text" or re.search(rf"^  --{name} ", printed, re.MULTILINE), name


@pytest.mark.parametrize(("started", "program"), [("/usr/bin/explain", "explain"), ("explain/__main__.py", "python -m explain")])
def test_the_help_names_what_was_typed(started: str, program: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", [started])
    with pytest.raises(SystemExit):
        main(["--help"])
    assert capsys.readouterr().out.startswith(f"usage: {program} ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["text", " "], "The text is empty"),
        (["text", TEXT, "--model", "nothing like this"], "neither a bundled model"),
        (["text", TEXT, "--method", "magic"], "The method 'magic' is not known"),
        (["text", TEXT, "--target", "purple"], "'purple' is not a label of bert-mini"),
        (["text", TEXT, "--unit", "volts"], "The unit 'volts' is not known"),
        (["text", TEXT, "--step", "1"], "A step was given (1)"),
        (["text", TEXT, "--task", "poetry"], "The task 'poetry' is not known. Choose one of: masked_lm, classification"),
        (["text", TEXT, "--label", "good", "--label", "bad"], "Label words and a prefix are for classification by a text-to-text model"),
        (["text", TEXT, "--option", "shap.seed"], "METHOD.NAME=VALUE, such as shap.seed=1, got 'shap.seed'"),
        (["text", TEXT, "--option", "shap.seed=1"], "Options were given for shap, which was not chosen"),
        (["text", TEXT, "--method", "lrp", "--option", "lrp.depth=1"], "lrp has no option 'depth'"),
        (["text", TEXT, "--method", "shap", "--option", "shap.seed=often"], "option seed takes a whole number"),
        (["text", TEXT, "--csv", "/nowhere/at/all.csv"], "cannot be written: its folder does not exist"),
        (["text", TEXT, "--png", "."], "cannot be written: it is a folder"),
        (["replay", "/nowhere/card.json"], "cannot be read: No such file"),
    ],
)
def test_an_error_is_one_clear_line(arguments: list[str], message: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert printed.err.startswith("python -m explain: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [[], ["paint"], ["text"], ["text", TEXT, "--position", "x"], ["replay", "c", "--tolerance", "-1"]],
)
def test_a_wrong_call_shows_the_usage(arguments: list[str], capsys: Captured) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith("usage: python -m explain")


def test_the_catalog_lists_all(capsys: Captured) -> None:
    assert main(["catalog"]) == 0
    printed = capsys.readouterr().out
    for name in (*TASKS, *bundled_names(), *METHODS):
        assert re.search(rf"\b{re.escape(name)}\b", printed), name
    assert main(["catalog", "--json"]) == 0
    catalog = json.loads(capsys.readouterr().out)
    assert [method["name"] for method in catalog["methods"]] == list(METHODS)
    assert set(catalog["tasks"]) == set(TASKS)
    assert catalog["tasks"]["span_infilling"]["models"] == ["t5-mini"]


def test_text_comes_from_standard_input_and_hostile_signs_do_not_reach_the_terminal(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("A \x1b[31mred\x07 film\n"))
    assert main(["text", "-", "--method", "input_x_gradient", "--words", "--no-special"]) == 0
    printed = capsys.readouterr().out
    assert "A �[31mred� film" in printed
    assert not any(ord(c) < 32 and c != "\n" for c in printed)
    assert "[CLS]" not in printed


def test_wide_characters_keep_the_columns(capsys: Captured) -> None:
    from explain.visualization.terminal import grid, width

    assert (width("你好"), width("e\u0301"), width("ab")) == (4, 1, 2)
    lines = grid([["你", "x"], ["abc", "y"]])
    assert lines == ["你   x", "abc  y"]


def test_in_a_process_of_its_own() -> None:
    command = ["-m", "explain", "text", "Good 你好.", "--method", "input_x_gradient"]
    done = Python(*command, environment={"PYTHONIOENCODING": "ascii", "PATH": ""}).wait()
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("bert-mini ? classification ? Good ??.")
    assert re.search(r"^Good +[+-]\d", done.out, re.MULTILINE)
