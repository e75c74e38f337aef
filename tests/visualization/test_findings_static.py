"""The report as figures: right numbers, hostile and wide texts, nothing found."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from dataset.findings.made import Written, corpus, pieces, write
from PIL import Image

from explain.dataset.findings import findings
from explain.visualization.findings_static import findings_pdf, findings_png, report_figures


def test_pages_hold_the_numbers(tmp_path: Path) -> None:
    rows = corpus(40)
    found = findings(write(tmp_path, rows, ["lrp", "occlusion"]), minimum=2, most=4)
    figures = list(report_figures(found))
    words = [one for one in found.words if (one.method, one.target) == (found.words[0].method, found.words[0].target)]
    axes = figures[0].axes[0]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([one.effect.mean for one in words])
    assert [label.get_text() for label in axes.get_yticklabels()] == [one.word for one in words]
    titles = [figure.axes[0].get_title(loc="left") for figure in figures]
    assert titles[-3:] == [
        "Faithfulness: 0 random, 1 best found",
        "Agreement: mean Kendall's tau",
        "Fall of the score without each head (self): layers x heads",
    ]
    assert findings_pdf(found).startswith(b"%PDF")


def test_any_text_is_drawn_without_a_warning(tmp_path: Path) -> None:
    text = "你好 $x^2$ عربي"
    count = 2 + len(pieces(text))
    rows = [Written(text, {"lrp": [float(i + n) for i in range(count)]}, "$\\frac$", "negative", "$\\frac$") for n in range(4)]
    picture = Image.open(BytesIO(findings_png(findings(write(tmp_path, rows, ["lrp"]), minimum=2), dpi=50)))
    assert picture.width > 100


def test_nothing_found_is_a_page_too(tmp_path: Path) -> None:
    found = findings(write(tmp_path, [], ["lrp"]))
    assert findings_pdf(found).startswith(b"%PDF")
    assert findings_png(found).startswith(b"\x89PNG")
