"""The Matplotlib figures: the right numbers, colours and labels, no pyplot, no warnings, many threads."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from explain import Explanation, InputError, TokenExplainer
from explain.visualization import static
from explain.visualization.canvas import PER_ROW
from explain.visualization.colors import AWAY, NEUTRAL, TOWARDS, WEIGHT, Scale, color_of

TEXT = "The $film$ was a delight, not the boring mess."
CJK = "你好 $x^2$ の film عربي \U0001f9ff"


def explained(text: str, methods: list[str]) -> Explanation:
    with TokenExplainer.from_pretrained("distilbert-mini", task="classification") as explainer:
        return explainer.analyze(text, methods)


@pytest.fixture(scope="module")
def short() -> Explanation:
    return explained(TEXT, ["attention", "integrated_gradients", "lrp"])


@pytest.fixture(scope="module")
def long() -> Explanation:
    return explained("The film was not a very good one but it had its moments. " * 8, ["attention", "lrp"])


def labels_of(figure: Figure) -> list[str]:
    return [label.get_text() for axes in figure.axes for label in axes.get_xticklabels()]


def test_the_heatmap_shows_every_score(short: Explanation) -> None:
    figure = static.methods_heatmap(short)
    (axes,) = figure.axes
    assert labels_of(figure) == [token.label for token in short.tokens]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Attention", "Integrated gradients", "LRP"]
    signed, unsigned = axes.images
    drawn = np.where(np.ma.getmaskarray(signed.get_array()), unsigned.get_array().filled(9), signed.get_array().filled(9))
    np.testing.assert_allclose(drawn, [a.scores / abs(a.scores).max() for a in short], rtol=1e-12)
    assert (signed.get_clim(), unsigned.get_clim()) == ((-1, 1), (0, 1))
    ends = [to_hex(signed.cmap(share)) for share in (0.0, 0.5, 1.0)]
    assert ends[::2] == [AWAY, TOWARDS]
    np.testing.assert_allclose(signed.cmap(0.5)[:3], [int(NEUTRAL[i : i + 2], 16) / 255 for i in (1, 3, 5)], atol=0.02)
    assert [to_hex(unsigned.cmap(share)) for share in (0.0, 1.0)] == [NEUTRAL, WEIGHT]
    said = figure.get_suptitle()
    assert said == "Why positive?\nOrange pushes towards positive, blue away from it.\nViolet is weight without a direction."


def test_a_shared_scale_is_the_largest_of_the_signed_methods(short: Explanation) -> None:
    signed, unsigned = static.methods_heatmap(short, scale=Scale.SHARED).axes[0].images
    largest = max(abs(short[name].scores).max() for name in ("integrated_gradients", "lrp"))
    np.testing.assert_allclose(signed.get_array()[1:], [short[n].scores / largest for n in ("integrated_gradients", "lrp")])
    assert unsigned.get_array()[0].max() == 1


def test_long_texts_go_on_in_further_panels(long: Explanation) -> None:
    figure = static.methods_heatmap(long)
    assert len(figure.axes) == 3
    assert labels_of(figure) == [token.label for token in long.tokens]
    assert max(len(axes.get_xticklabels()) for axes in figure.axes) <= PER_ROW
    rows = [np.concatenate([axes.images[0].get_array()[1] for axes in figure.axes])]
    np.testing.assert_allclose(rows[0], long["lrp"].scores / abs(long["lrp"].scores).max())
    assert figure.get_figwidth() < 20
    places = [axes.get_position() for axes in figure.axes]
    assert all(above.y0 > below.y1 for above, below in pairwise(places))
    assert places[0].y1 < 1
    assert places[-1].y0 > 0


def test_bars_are_the_numbers(short: Explanation) -> None:
    figure = static.method_bars(short)
    assert [axes.get_title("left") for axes in figure.axes] == ["Attention", "Integrated gradients", "LRP"]
    for axes, attribution in zip(figure.axes, short, strict=True):
        bars = axes.containers[0].patches
        np.testing.assert_allclose([bar.get_height() for bar in bars], attribution.scores)
        for bar, score in zip(bars, attribution.scores, strict=True):
            expected = WEIGHT if not attribution.signed else TOWARDS if score > 0 else AWAY
            assert to_hex(bar.get_facecolor()) == expected
        low, high = axes.get_ylim()
        assert low <= min(attribution.scores.min(), 0)
        assert high >= attribution.scores.max()
        assert [text.get_text() for text in axes.texts] == [f"{score:.2g}" for score in attribution.scores]


def test_strips_colour_every_token(short: Explanation, long: Explanation) -> None:
    figure = static.token_strips(short)
    boxes = [artist for artist in figure.get_children() if isinstance(artist, Rectangle) and artist is not figure.patch]
    expected = [color_of(score, abs(a.scores).max(), signed=a.signed) for a in short for score in a.scores]
    assert [to_hex(box.get_facecolor()) for box in boxes] == expected
    written = " ".join(text.get_text() for text in figure.texts)
    for token in short.tokens:
        assert token.label in written
    wrapped = static.token_strips(long)
    boxes = [artist for artist in wrapped.get_children() if isinstance(artist, Rectangle) and artist is not wrapped.patch]
    assert len(boxes) == 2 * len(long.tokens)
    assert all(box.get_x() >= 0 and box.get_x() + box.get_width() <= 1 and 0 < box.get_y() < 1 for box in boxes)
    assert len({round(box.get_y(), 6) for box in boxes}) > 6


def test_an_explanation_without_methods_is_drawn(short: Explanation) -> None:
    empty = replace(short, attributions=())
    assert not list(static.methods_heatmap(empty).axes[0].images)
    assert static.method_bars(empty).axes == []
    assert static.png(static.token_strips(empty), dpi=40).startswith(b"\x89PNG")


def test_words_and_special_tokens_are_a_choice(short: Explanation) -> None:
    labels = labels_of(static.methods_heatmap(short, words=True, special=False))
    assert "[CLS]" not in labels
    assert "film" in labels
    assert len(labels_of(static.method_bars(short, special=False))) == 3 * (len(short.tokens) - 2)


def test_attention_of_a_layer_and_head(short: Explanation) -> None:
    weights = short["attention"].maps["self"]
    for layer, head, expected in ((None, None, weights.mean((0, 1))), (1, None, weights[1].mean(0)), (1, 2, weights[1, 2])):
        axes = static.attention_heatmap(short, layer=layer, head=head).axes[0]
        np.testing.assert_allclose(axes.images[0].get_array(), expected, rtol=1e-12)
    assert axes.get_title() == "Self-attention, layer 1, head 2"
    figure = static.attention_heatmap(short)
    assert figure.get_tightbbox(figure.canvas.get_renderer()).x0 > -0.02
    assert labels_of(axes.figure)[: len(short.tokens)] == [token.label for token in short.tokens]
    with pytest.raises(InputError, match="no layer 99"):
        static.attention_heatmap(short, layer=99)
    with pytest.raises(InputError, match="has no attention"):
        static.attention_heatmap(replace(short, attributions=short.attributions[1:]))


def test_a_large_map_shows_some_of_its_labels(long: Explanation, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = [token.label for token in long.tokens]
    everything = static.attention_heatmap(long)
    assert labels_of(everything)[: len(labels)] == labels
    assert max(everything.get_size_inches()) < 22
    monkeypatch.setattr(static, "WIDEST", 5.0)
    axes = static.attention_heatmap(long).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == labels[::3]
    assert [label.get_text() for label in axes.get_yticklabels()] == labels[::3]
    assert axes.get_xticks().tolist() == list(range(0, len(labels), 3))


def test_png_and_svg_are_readable(short: Explanation) -> None:
    figure = static.methods_heatmap(short)
    image = Image.open(BytesIO(static.png(figure, dpi=100)))
    assert image.format == "PNG"
    np.testing.assert_allclose(image.size, figure.get_size_inches() * 100, atol=1)
    assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 50
    root = ElementTree.fromstring(static.svg(figure))
    assert root.tag.endswith("svg")
    assert not [element for element in root.iter() if element.tag.endswith(("script", "foreignObject"))]


def test_the_title_and_labels_stay_inside(short: Explanation, long: Explanation) -> None:
    for figure in (static.methods_heatmap(short), static.method_bars(short), static.token_strips(long), static.methods_heatmap(long)):
        whole = figure.get_tightbbox(figure.canvas.get_renderer())
        width, height = figure.get_size_inches()
        assert whole.x0 > -0.02
        assert whole.y0 > -0.02
        assert whole.x1 < width + 0.02
        assert whole.y1 < height + 0.02


def test_dollars_and_scripts_without_a_font_are_drawn_without_warnings() -> None:
    explanation = explained(CJK, ["attention", "lrp"])
    for figure in (
        static.methods_heatmap(explanation),
        static.method_bars(explanation),
        static.token_strips(explanation),
        static.attention_heatmap(explanation),
    ):
        assert static.png(figure, dpi=40).startswith(b"\x89PNG")
        assert static.svg(figure)
    assert "$" in labels_of(static.methods_heatmap(explanation))


def test_threads_draw_the_same(short: Explanation, long: Explanation) -> None:
    def draw(number: int) -> bytes:
        return static.png(static.methods_heatmap(long if number % 2 else short), dpi=40)

    alone = [draw(0), draw(1)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(draw, range(4)))
    assert together == alone * 2


def test_the_global_state_of_pyplot_is_not_touched(short: Explanation) -> None:
    figures, settings = pyplot.get_fignums(), dict(matplotlib.rcParams)
    for figure in (static.methods_heatmap(short), static.method_bars(short), static.token_strips(short), static.attention_heatmap(short)):
        static.png(figure, dpi=40)
        static.svg(figure)
        assert figure.canvas.manager is None
    assert pyplot.get_fignums() == figures
    assert dict(matplotlib.rcParams) == settings
