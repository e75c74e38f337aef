"""Figures of findings hold their numbers, in the common palette."""

from __future__ import annotations

from pathlib import Path

import pytest
from dataset.findings.made import corpus, write

from explain.dataset.findings import Findings, SideBySide, findings, side_by_side
from explain.visualization import findings as views
from explain.visualization.colors import AWAY, MARK, TOWARDS


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Findings, SideBySide]:
    run = write(tmp_path_factory.mktemp("run"), corpus(80, methods=["lrp", "attention"]), ["lrp", "attention"])
    found = findings(run, minimum=2, keywords=["good"], slices=["praise=good,fine", "blame=bad,dull"])
    return found, side_by_side(run, minimum=2)


def test_bars_have_their_effects_and_intervals(made: tuple[Findings, SideBySide]) -> None:
    found, _ = made
    figure = views.word_bars(found, "lrp", "positive")
    assert figure is not None
    words = [one for one in found.words if (one.method, one.target) == ("lrp", "positive")]
    bars = figure.data[0]
    assert list(bars.x) == [one.effect.mean for one in words]
    assert list(figure.layout.yaxis.ticktext) == [one.word for one in words]
    assert list(bars.error_x.array) == pytest.approx([one.effect.high - one.effect.mean for one in words])
    assert list(bars.marker.color) == [TOWARDS if one.effect.mean > 0 else AWAY for one in words]
    assert f"{words[0].effect.rows} rows" in bars.text[0]
    assert views.word_bars(found, "lrp", "nobody") is None


def test_every_kind_has_a_figure(made: tuple[Findings, SideBySide]) -> None:
    found, beside = made
    errors = views.error_bars(found, "lrp", "positive")
    assert errors is not None
    assert list(errors.data[0].x) == [one.difference for one in found.errors if (one.method, one.label) == ("lrp", "positive")]
    cues = views.cue_bars(found, "attention")
    if cues is not None:
        assert set(cues.data[0].marker.line.width) <= {0, 3}
        assert cues.data[0].marker.line.color == MARK
    heads = views.head_chart(found.heads)
    assert heads is not None
    assert "95 % interval" in heads.data[0].text[0][0]
    scatter = views.side_scatter(beside)
    assert scatter is not None
    assert sum(len(trace.x) for trace in scatter.data if trace.mode == "markers") == len(beside.words)
    for figure in (views.faithfulness_chart(found), views.agreement_chart(found), views.slice_chart(found, "output"), scatter):
        assert figure is not None
        assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"
        assert "bdata" not in figure.to_json()
    keywords = views.slice_chart(found, "lrp", keywords=True)
    assert keywords is not None
    assert any("good → positive" in text for text in keywords.layout.yaxis.ticktext)


def test_nothing_has_no_figure(tmp_path: Path) -> None:
    found = findings(write(tmp_path, [], ["lrp"]))
    assert views.cue_bars(found, "lrp") is None
    assert views.faithfulness_chart(found) is views.agreement_chart(found) is views.head_chart(found.heads) is None
    assert views.slice_chart(found, "output") is None
