"""A long text on the standalone page: light, whole, every part reached from the strip, and the strongest tokens in the table."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from explained import explained

from explain.results import Explanation
from explain.visualization import static
from explain.visualization.colors import LEVEL_COLORS, level
from explain.visualization.heatmaps import MOST_CELLS, MOST_COLUMNS, matrix_heatmap, methods_heatmap
from explain.visualization.long_text import LONG, long_text, strongest
from explain.visualization.page import page
from explain.visualization.tokens import pooled, shown

COUNT = 4096
MOST_BYTES = 1_500_000
METHODS = ("lrp", "integrated_gradients", "occlusion", "attention")


@pytest.fixture(scope="module")
def made() -> Explanation:
    generator = np.random.default_rng(0)
    text = " ".join(f"word{number}" for number in range(COUNT))
    scores: dict[str, Any] = {name: generator.standard_normal(COUNT) ** 3 for name in METHODS}
    return explained(text, {**scores, "attention": np.abs(scores["attention"])})


def test_the_page_of_4096_tokens_is_light_and_whole(made: Explanation) -> None:
    numbers = {"methods": [{"scores": attribution.scores.tolist()} for attribution in made]}
    html = page(made, {"question": {}, **numbers})
    assert len(html.encode()) < MOST_BYTES
    for attribution in made:
        links = re.findall(rf'<a href="#({attribution.method}-(\d+))"', html)
        assert [int(number) for _, number in links] == list(range(1, COUNT + 3, 103))
        for anchor, _ in links:
            assert html.count(f'id="{anchor}"') == 1
    parts = re.findall(r'<p class="tokens part" id="lrp-\d+"[^>]*>(.*?)</p>', html, re.DOTALL)
    assert re.sub(r"<[^>]+>", "", "".join(parts)) == f"[CLS] {made.text} [SEP]"
    assert html.count('<tr><th scope="row" translate="no">') == len(made.prediction.candidates) + LONG
    assert f"Of {COUNT + 2:,} tokens the {LONG} strongest" in html
    assert json.loads(html.split('id="card">')[1].split("</script>")[0])["methods"][0]["scores"][7] == made["lrp"].scores[7]


def test_the_colours_of_tokens_and_strip_are_their_scores(made: Explanation) -> None:
    columns = shown(made.tokens, made.text, merge=False, special=True)
    lrp = made["lrp"]
    html = "".join(long_text(lrp, columns))
    limit = float(np.abs(lrp.scores).max())
    names = [level(float(score), limit, signed=True) for score in lrp.scores]
    coloured = re.findall(r'<span class="(\w\d)" title="([^"]+)">([^<]+)<', html)
    assert coloured == [
        (name[0] + name[-1], f"{score:+.4g}", token.label)
        for name, score, token in zip(names, lrp.scores, made.tokens, strict=True)
        if name is not None
    ]
    strip = re.findall(r'<a href="[^"]+"(?: class="(\w\d)")? title="([^"]+)">(\d+)</a>', html)
    assert sum(float(title) for _, title, _ in strip) == pytest.approx(lrp.scores.sum(), rel=1e-3)
    assert {name for name, _, _ in strip if name} <= {name[0] + name[-1] for name in LEVEL_COLORS}


def test_a_strong_token_of_any_method_is_in_the_table(made: Explanation) -> None:
    scores = [attribution.scores for attribution in made]
    kept = strongest(scores, COUNT + 2)
    assert len(kept) == LONG
    assert kept == sorted(kept)
    assert {int(np.abs(values).argmax()) for values in scores} <= set(kept)
    weakest = min(max(abs(values[i]) / np.abs(values).max() for values in scores) for i in kept)
    assert all(max(abs(values[i]) / np.abs(values).max() for values in scores) <= weakest for i in set(range(COUNT)) - set(kept))


def test_large_heatmaps_are_pooled_and_say_so(made: Explanation) -> None:
    figure = methods_heatmap(made)
    assert figure.layout.title.text == "Each column is the sum over 5 tokens"
    assert len(figure.data[0].x) == -(-(COUNT + 2) // 5) <= MOST_COLUMNS
    assert sum(figure.data[0].customdata[0]) == pytest.approx(made["lrp"].scores.sum(), abs=1e-9)
    columns = shown(made.tokens, made.text, merge=False, special=True)
    assert pooled(columns, 5).scores(made["lrp"].scores)[3] == pytest.approx(made["lrp"].scores[15:20].sum(), abs=1e-12)
    part = methods_heatmap(made, part=slice(10, 30), marked=12)
    assert part.layout.title.text is None
    np.testing.assert_allclose(part.data[0].customdata[0], made["lrp"].scores[10:30])
    assert part.layout.shapes[0].x0 == 1.5
    rows = 2 * MOST_CELLS + 1
    matrix = np.arange(rows * 6, dtype=np.float64).reshape(rows, 6)
    matrix[1, 0] = np.nan
    large = matrix_heatmap(matrix, [f"r{n}" for n in range(rows)], list("abcdef"), signed=False, hover="%{y} %{x}")
    assert large.layout.title.text == "Each cell is the mean of 3 rows x 1 columns"
    z = np.array(large.data[0].z, dtype=np.float64)
    assert z.shape == (-(-rows // 3), 6)
    assert z[0, 0] == (matrix[0, 0] + matrix[2, 0]) / 2
    np.testing.assert_allclose(z[1], matrix[3:6].mean(0), rtol=5e-4)
    assert z[-1, 0] == pytest.approx(matrix[-(rows % 3 or 3) :, 0].mean(), rel=5e-4)


def test_a_picture_has_few_columns_and_says_so(made: Explanation) -> None:
    figure = static.methods_heatmap(made)
    assert "Each column is the sum over 21 tokens." in figure.get_suptitle()
    assert sum(len(axes.get_xticks()) for axes in figure.axes) == -(-(COUNT + 2) // 21) <= static.MOST_COLUMNS
    shares = np.concatenate([np.asarray(axes.images[0].get_array())[0] for axes in figure.axes])
    sums = np.add.reduceat(made["lrp"].scores, range(0, COUNT + 2, 21))
    np.testing.assert_allclose(shares, sums / np.abs(sums).max(), atol=1e-9)
