"""Results are checked when they are made, found by name, and can be written down."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from test_types import TARGET, TOKENS
from zoo import FAMILIES, tiny

from explain import Attribution, Explanation, Family, Unit


def attribution(**changes: Any) -> Attribution:
    fields: dict[str, Any] = {
        "method": "some",
        "family": Family.EXTERNAL,
        "signed": True,
        "target_blind": False,
        "tokens": TOKENS,
        "scores": np.array([1.0, -2.0]),
        "target": TARGET,
        "foil": None,
        "unit": Unit.LOGIT,
        "output": 3.0,
        "seconds": 0.1,
        "passes": 2,
    }
    return Attribution(**fields | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": np.zeros(3)}, "2 float64 scores expected, got float64 \\(3,\\)"),
        ({"scores": np.zeros((1, 2))}, "expected"),
        ({"scores": np.zeros(2, dtype=np.float32)}, "got float32"),
        ({"scores": np.array([0.0, np.nan])}, "not finite"),
        ({"scores": np.array([0.0, -np.inf])}, "not finite"),
        ({"step_scores": np.zeros((4, 3))}, "do not fit"),
    ],
)
def test_scores_of_another_shape_or_kind_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attribution(**changes)


def test_nothing_can_be_changed_afterwards() -> None:
    for value, field in ((attribution(), "output"), (TOKENS[0], "text"), (TARGET, "logit")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field, 0)


@pytest.mark.parametrize(
    ("gap", "tolerance", "within"), [(None, None, True), (0.5, None, True), (None, 0.1, True), (0.1, 0.1, True), (0.2, 0.1, False)]
)
def test_within_tolerance(gap: float | None, tolerance: float | None, within: bool) -> None:
    assert attribution(gap=gap, tolerance=tolerance).within_tolerance is within


@pytest.mark.parametrize("name", FAMILIES)
def test_an_explanation_survives_json(name: str) -> None:
    made = tiny(name)
    with made.explainer() as explainer:
        methods = ["attention", "input_x_gradient", "occlusion"]
        found = explainer.analyze(made.text, methods)
    for maps in (False, True):
        written = json.loads(json.dumps(found.to_dict(maps=maps), allow_nan=False))
        assert list(written["methods"]) == methods
        for one in found:
            assert written["methods"][one.method]["scores"] == one.scores.tolist()
            assert len(written["methods"][one.method]["tokens"]) == len(written["tokens"]) == len(found.tokens)
            assert ("maps" in written["methods"][one.method]) is maps
    for token, row in zip(found.tokens, written["tokens"], strict=True):
        assert (row["label"], row["start"], row["end"], row["id"]) == (token.label, token.start, token.end, token.id)
        assert row["segment"] in ("input", "output")
    assert written["task"] == found.task == made.task
    assert written["unit"] == found.unit.value
    assert written["target"]["text"] == found.target.text
    groups = {"encoder", "decoder", "cross"} if made.model.config.is_encoder_decoder else {"self"}
    if name == "t5-embed":
        groups = {"encoder"}
    for group in groups:
        assert np.array(written["methods"]["attention"]["maps"][group]).shape == found["attention"].maps[group].shape


def test_a_frame_has_a_row_per_token_and_a_column_per_method() -> None:
    made = tiny("t5-span")
    with made.explainer() as explainer:
        found = explainer.analyze(made.text, ["attention", "input_x_gradient"])
    frame = found.to_frame()
    assert list(frame.columns) == ["token", "start", "end", "special", "segment", "attention", "input_x_gradient"]
    assert frame["token"].tolist() == [token.label for token in found.tokens]
    assert frame["segment"].tolist() == [token.segment.value for token in found.tokens]
    assert frame["input_x_gradient"].to_numpy() == pytest.approx(found["input_x_gradient"].scores, abs=0)
    for row in frame[frame["segment"] == "input"].itertuples():
        assert row.special or found.text[row.start : row.end] == row.token


def test_methods_are_found_by_name() -> None:
    found = Explanation("m", "classification", "a b", TOKENS, None, TARGET, None, Unit.LOGIT, (attribution(),))  # type: ignore[arg-type]
    assert found["some"] is found.attributions[0]
    assert list(found) == list(found.attributions)
    with pytest.raises(KeyError, match="No method 'lime' in this explanation; it has some"):
        found["lime"]
