"""The table of exports: each entry writes what it says, and a new entry is one line."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from explain import Explanation, Question, TokenExplainer
from explain.__main__ import main
from explain.sharing.card import card, loads
from explain.sharing.exports import EXPORTS, Export, Shown
from explain.sharing.request import Request

QUESTION = Question("It is not a good movie.")


@pytest.fixture(scope="module")
def made() -> Iterator[tuple[Explanation, dict[str, Any]]]:
    request = Request("classification", "bert-mini", QUESTION, ["attention", "lrp"])
    with TokenExplainer.from_pretrained(**request.loading) as explainer:
        explanation = explainer.analyze(QUESTION, request.methods)
        yield explanation, card(explanation, explainer, request)


def test_each_export_is_what_its_name_says(made: tuple[Explanation, dict[str, Any]]) -> None:
    explanation, kept = made
    written = {kind: export.written(Shown(explanation, kept)) for kind, export in EXPORTS.items()}
    assert loads(written["card"].decode()) == kept
    assert json.loads(written["json"]) == json.loads(json.dumps(explanation.to_dict()))
    np.testing.assert_array_equal(pd.read_csv(io.BytesIO(written["csv"]))["lrp"], explanation["lrp"].scores)
    assert written["html"].startswith(b"<!DOCTYPE html>")
    assert kept["model"]["fingerprint"].encode() in written["html"]
    assert written["png"].startswith(b"\x89PNG")
    assert b"<svg" in written["svg"]


def test_files_have_names_of_their_own() -> None:
    assert len({export.file for export in EXPORTS.values()}) == len({export.label for export in EXPORTS.values()}) == len(EXPORTS)
    assert all(Path(export.file).name == export.file and Path(export.file).suffix for export in EXPORTS.values())


def test_the_view_is_heeded(made: tuple[Explanation, dict[str, Any]]) -> None:
    explanation, kept = made
    maps = json.loads(EXPORTS["json"].written(Shown(explanation, kept, maps=True)))
    assert np.shape(maps["methods"]["attention"]["maps"]["self"]) == explanation["attention"].maps["self"].shape
    for kind in ("html", "svg"):
        with_special, without = (EXPORTS[kind].written(Shown(explanation, kept, special=special)) for special in (True, False))
        assert with_special.count(b"[SEP]") > without.count(b"[SEP]"), kind


def test_a_new_export_is_one_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def tokens(shown: Shown) -> str:
        return " ".join(token.label for token in shown.explanation.tokens if shown.special or not token.special)

    monkeypatch.setitem(EXPORTS, "tokens", Export("Tokens (text)", "tokens.txt", "the tokens as text", tokens))
    with pytest.raises(SystemExit):
        main(["text", "--help"])
    assert "write the tokens as text" in capsys.readouterr().out
    file = tmp_path / "tokens.txt"
    assert main(["text", QUESTION.text, "--method", "input_x_gradient", "--no-special", "--tokens", str(file)]) == 0
    assert file.read_text() == "It is not a good movie ."
