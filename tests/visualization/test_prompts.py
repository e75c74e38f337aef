"""Figures of several prompts hold the numbers that they were given, and leave gaps empty."""

from __future__ import annotations

import numpy as np
import pytest

from explain import InputError, TokenExplainer
from explain.prompts import align, aligned_scores, compare_prompts, find, minimal_pair, probe_template, track_keywords
from explain.visualization.colors import AWAY, TOWARDS, WEIGHT
from explain.visualization.prompts import aligned_heatmap, filler_chart, keyword_chart, keyword_tokens, pair_bars, shortened

TEXTS = ("A fine and moving film.", "It was not a good film.", "A good <b>film</b>!")


@pytest.fixture(scope="module")
def explainer():
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as made:
        yield made


@pytest.fixture(scope="module")
def comparison(explainer):
    return compare_prompts(explainer, TEXTS, ["attention", "input_x_gradient"], target="positive")


@pytest.mark.parametrize("method", ["attention", "input_x_gradient"])
@pytest.mark.parametrize("special", [False, True])
def test_the_heatmap_shows_words_and_leaves_gaps(comparison, method, special):
    figure = aligned_heatmap(comparison, method, special=special)
    alignment = align(comparison)
    kept = [number for number, hidden in enumerate(alignment.special) if special or not hidden]
    expected = aligned_scores(comparison, method)[:, kept]
    cells = figure.data[0]
    assert np.array(cells.z, dtype=float) == pytest.approx(expected, nan_ok=True)
    assert cells.zmin == (-cells.zmax if method == "input_x_gradient" else 0)
    assert len(figure.layout.xaxis.ticktext) == len(kept)
    assert figure.layout.yaxis.ticktext[2] == "3. A good &lt;b&gt;film&lt;/b&gt;!"
    numbers = {(note.x, note.y): float(note.text) for note in figure.layout.annotations}
    assert set(numbers) == {(column, row) for row, column in np.argwhere(~np.isnan(expected)).tolist()}
    limit = np.nanmax(np.abs(expected))
    for (column, row), number in numbers.items():
        assert number == pytest.approx(expected[row, column], abs=0.06 * limit)


def test_many_cells_have_no_numbers(comparison):
    figure = aligned_heatmap([*comparison] * 5, "attention")
    assert len(figure.data[0].z) == 15
    assert not figure.layout.annotations


def test_the_bars_of_a_pair_are_its_differences(comparison):
    pair = minimal_pair(*comparison.explanations[:2])
    bars = pair_bars(pair, "input_x_gradient", special=True).data[0]
    assert list(bars.y) == pytest.approx(pair.differences["input_x_gradient"].tolist())
    assert [color == TOWARDS for color in bars.marker.color] == [value >= 0 for value in bars.y]
    assert set(bars.marker.color) == {TOWARDS, AWAY}
    figure = pair_bars(pair, "attention")
    labels = list(figure.layout.xaxis.ticktext)
    assert {"− fine", "+ good", "film"} <= set(labels)
    assert set(figure.data[0].marker.color) == {WEIGHT}
    patterns = dict(zip(labels, figure.data[0].marker.pattern.shape, strict=True))
    assert (patterns["− fine"], patterns["+ good"], patterns["film"]) == ("/", "x", "")
    assert "second absent" in figure.data[0].text[labels.index("− fine")]


def test_what_cannot_be_compared_is_not_drawn(explainer, comparison):
    with pytest.raises(InputError, match="not explained by 'lrp'"):
        pair_bars(minimal_pair(*comparison.explanations[:2]), "lrp")
    own = compare_prompts(explainer, TEXTS[:2], ["input_x_gradient"]).explanations
    with pytest.raises(InputError, match="they explain 'positive' and 'negative'"):
        pair_bars(minimal_pair(*own), "input_x_gradient")


def test_keywords_are_drawn_per_method_with_gaps(explainer, comparison):
    found = track_keywords(comparison, ["good", "film"], explainer=explainer)
    for quantity, values in (("share", found.shares), ("score", found.scores), ("rank", found.ranks)):
        figure = keyword_chart(found, "good", quantity)
        assert [trace.name for trace in figure.data] == ["Attention", "Gradient x input"]
        for number, trace in enumerate(figure.data):
            assert trace.y[0] is None
            assert list(trace.y)[1:] == pytest.approx(values[number, 1:, 0].tolist())
    assert keyword_chart(found, "good", "rank").layout.yaxis.autorange == "reversed"
    effect = keyword_chart(found, "film", "effect")
    assert list(effect.data[0].y) == pytest.approx(found.effects[:, 1].tolist())
    with pytest.raises(InputError, match="'bad' was not tracked"):
        keyword_chart(found, "bad")
    with pytest.raises(InputError, match="'size' is not known"):
        keyword_chart(found, "good", "size")
    with pytest.raises(InputError, match="were not computed"):
        keyword_chart(track_keywords(comparison, ["good"]), "good", "effect")


def test_fillers_are_drawn_with_their_intervals(explainer):
    found = probe_template(explainer, ["A {good|bad|} film.", "It was {good|bad|}, really."], ["input_x_gradient"], target="positive")
    figure = filler_chart(found)
    order = np.argsort(-found.effect.mean)
    dots = figure.data[0]
    assert list(dots.x) == pytest.approx(found.effect.mean[order].tolist())
    assert list(dots.error_x.array) == pytest.approx((found.effect.high - found.effect.mean)[order].tolist())
    assert list(figure.layout.yaxis.ticktext) == [found.fillers[number] or "(nothing)" for number in order]
    assert sorted(filler_chart(found, "input_x_gradient").data[0].x) == pytest.approx(sorted(found.attribution["input_x_gradient"].mean))
    with pytest.raises(InputError, match="not explained by 'lrp'"):
        filler_chart(found, "lrp")


def test_the_tokens_of_keywords_are_those_of_their_spans(comparison):
    explanation = comparison.explanations[1]
    spans = [span for keyword in ("not a good", "good film") for span in find(explanation.tokens, explanation.text, keyword)]
    expected = {token for span in spans for token in span.tokens}
    assert keyword_tokens(explanation, ["not a good", "good film", "absent"]) == expected
    assert {explanation.tokens[i].text for i in expected} == {"not", "a", "good", "film"}
    assert keyword_tokens(explanation, ["oo"], inside_words=True) == set(find(explanation.tokens, explanation.text, "good")[0].tokens)


def test_long_texts_are_cut_to_a_label():
    assert shortened("a\n b") == "a b"
    assert len(shortened("word " * 30)) <= 36
    assert shortened("word " * 30).endswith("…")


def test_figures_are_plain_json(explainer, comparison):
    for figure in (aligned_heatmap(comparison, "attention"), pair_bars(minimal_pair(*comparison.explanations[:2]), "attention")):
        assert "bdata" not in figure.to_json()
