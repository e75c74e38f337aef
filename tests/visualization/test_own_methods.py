"""A method that somebody wrote outside of the package works everywhere that the package's own do, and more than twelve do at once."""

from __future__ import annotations

from dataclasses import dataclass, make_dataclass
from typing import ClassVar

import numpy as np
import plotly.graph_objects as go
import pytest

from explain import METHODS, Explanation, InputXGradient, Method, Score, TokenExplainer, option
from explain.evaluation import (
    FaithfulnessRanking,
    FaithfulnessSettings,
    Measure,
    agreement,
    attention_agreement,
    evaluate_agreement,
    evaluate_faithfulness,
    ground_truth,
    iter_faithfulness,
    randomisation_check,
)
from explain.prompts import PromptComparison, compare_prompts, method_difference, minimal_pair, probe_template, track_keywords
from explain.types import Array, Family
from explain.visualization import static
from explain.visualization.agreement import agreement_heatmap
from explain.visualization.bars import methods_bars
from explain.visualization.colors import Scale
from explain.visualization.curves import DELETION, INSERTION, faithfulness_curves, randomisation_chart, ranking_curves
from explain.visualization.heatmaps import methods_heatmap, outputs_heatmap
from explain.visualization.intervals import MASS, POINTING, ground_truth_chart, ranking_chart
from explain.visualization.outlined import outlined
from explain.visualization.page import page
from explain.visualization.prompts import QUANTITIES, aligned_heatmap, filler_chart, keyword_chart, pair_bars
from explain.visualization.terminal import table
from explain.visualization.trust import trust

TITLE = "Mine <b>& only"
TEXTS = ("A fine and moving film.", "It was a dull story.")


@dataclass(frozen=True)
class Mine(Method):
    """The length of each token in characters."""

    name: ClassVar[str] = "mine"
    title: ClassVar[str] = TITLE
    summary: ClassVar[str] = "The length of each token."
    caution: ClassVar[str] = "It does not know the model."
    reference: ClassVar[str] = "none"
    family: ClassVar[Family] = Family.INTERNAL
    signed: ClassVar[bool] = False

    factor: float = option(1.0, "What the lengths are multiplied with.", minimum=0.0)

    def compute(self, score: Score) -> Array:
        return np.array([self.factor * len(token.text) for token in score.encoding.tokens])


OWN = (Mine(2.0), InputXGradient())


@pytest.fixture(scope="module")
def explainer():
    with TokenExplainer.from_pretrained("distilbert-mini", task="classification") as made:
        yield made


@pytest.fixture(scope="module")
def explanation(explainer: TokenExplainer) -> Explanation:
    return explainer.analyze(TEXTS[0], OWN)


def said(figure: go.Figure) -> str:
    """All that is written in a figure, as JSON."""
    return str(figure.to_json()).replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u0026", "&")


ESCAPED = "Mine &lt;b&gt;&amp; only"


def test_it_is_not_in_the_registry() -> None:
    assert Mine.name not in METHODS


def test_its_scores_are_drawn_under_its_title(explainer: TokenExplainer, explanation: Explanation) -> None:
    lengths = [2.0 * len(token.text) for token in explanation.tokens]
    assert explanation["mine"].scores.tolist() == lengths
    assert explanation["mine"].options == {"factor": 2.0}
    for figure in (methods_heatmap(explanation), methods_heatmap(explanation, scale=Scale.SHARED), methods_bars(explanation)):
        assert ESCAPED in said(figure)
    assert methods_bars(explanation).data[0].y == tuple(lengths)
    assert explainer.show_heatmap(explanation).layout.yaxis.ticktext[0] == ESCAPED
    assert outlined(explanation, "mine", {1}).count("outline:") == 1


def test_page_and_table_name_it(explanation: Explanation) -> None:
    assert f"<h3>{ESCAPED}</h3>" in page(explanation)
    assert f'<th scope="col">{ESCAPED}</th>' in page(explanation)
    assert "The length of each token. " in page(explanation)
    lines = table(explanation).splitlines()
    assert lines[3].split() == ["token", "mine", "input_x_gradient"]
    assert any(line.startswith(f"{TITLE}: The length of each token; ") for line in lines)
    assert trust(explanation["mine"])[0] == "The length of each token"


def test_static_figures_name_it(explanation: Explanation) -> None:
    assert static.methods_heatmap(explanation).axes[0].get_yticklabels()[0].get_text() == TITLE
    assert static.method_bars(explanation).axes[0].get_title("left") == TITLE
    assert TITLE in [text.get_text() for text in static.token_strips(explanation).texts]
    assert static.png(static.methods_heatmap(explanation), dpi=40).startswith(b"\x89PNG")


def test_it_is_compared_with_others(explainer: TokenExplainer, explanation: Explanation) -> None:
    found, mean = agreement(explanation), evaluate_agreement(explainer, TEXTS, OWN)
    assert found.titles == mean.titles == {"mine": TITLE, "input_x_gradient": "Gradient x input"}
    assert found.families == mean.families == (Family.INTERNAL, Family.EXTERNAL)
    assert found.to_dict()["titles"] == [TITLE, "Gradient x input"]
    for result in (found, mean):
        assert ESCAPED in said(agreement_heatmap(result, Measure.KENDALL))
    beside = explainer.analyze(TEXTS[0], ["attention", Mine()])
    assert attention_agreement(beside, "mine").shape == beside["attention"].maps["self"].shape[:2]


def test_its_faithfulness_is_measured(explainer: TokenExplainer) -> None:
    settings = FaithfulnessSettings(orders=3, beam=1)
    results = list(iter_faithfulness(explainer, TEXTS, OWN, settings=settings))
    found = evaluate_faithfulness(explainer, TEXTS, OWN, settings=settings)
    assert found.to_dict() == FaithfulnessRanking.of(results).to_dict()
    lengths = [len(word) for word in results[0].features]
    assert list(results[0]["mine"].order) == sorted(range(len(lengths)), key=lambda number: -lengths[number])
    assert results[0].to_dict()["methods"]["mine"]["title"] == found.to_dict()["methods"]["mine"]["title"] == TITLE
    for kind in (DELETION, INSERTION):
        for figure in (faithfulness_curves(results[0], kind), ranking_curves(found, kind)):
            line = next(trace for trace in figure.data if trace.name == ESCAPED)
            assert line.line.dash == "dot"  # it calls itself internal
    assert ESCAPED in said(ranking_chart(found))


def test_it_is_checked_against_random_weights_and_known_evidence(explainer: TokenExplainer) -> None:
    found = randomisation_check(explainer, TEXTS[0], OWN)
    same = [stage.similarity["mine"] for stage in found.stages]  # it does not depend on the model at all
    assert same == pytest.approx([1.0] * len(same), abs=1e-12)
    assert found.to_dict()["titles"]["mine"] == TITLE
    assert ESCAPED in [trace.name for trace in randomisation_chart(found).data]
    truth = ground_truth(explainer, OWN)
    assert truth.to_dict()["methods"]["mine"]["title"] == TITLE
    for quantity in (POINTING, MASS):
        assert ESCAPED in said(ground_truth_chart(truth, quantity))


def test_prompts_keywords_and_templates_take_it(explainer: TokenExplainer) -> None:
    comparison = compare_prompts(explainer, TEXTS, OWN, target="positive")
    assert comparison.to_dict()["titles"]["mine"] == TITLE
    assert comparison.table()["mine: word"].tolist() == ["moving", "story"]
    assert method_difference(comparison, "mine", "input_x_gradient").values.shape == (2,)
    assert aligned_heatmap(comparison, "mine").data[0].zmin == 0
    pair = minimal_pair(*comparison.explanations)
    assert ESCAPED in said(pair_bars(pair, "mine"))
    tracking = track_keywords(comparison, ["film", "story"], explainer=explainer)
    for quantity in QUANTITIES:
        assert (ESCAPED in said(keyword_chart(tracking, "film", quantity))) is (quantity != "effect")
    found = probe_template(explainer, "A {fine|dull} film.", OWN, target="positive")
    assert found.attribution["mine"].mean.tolist() == [8.0, 8.0]
    assert f"{ESCAPED} score of the filler" in said(filler_chart(found, "mine"))
    for result in (pair, tracking, found):
        assert result.to_dict()["titles"]["mine"] == TITLE


def test_a_sequence_task_draws_it_for_every_output() -> None:
    with TokenExplainer.from_pretrained("gpt2-mini", task="generation") as explainer:
        explanation = explainer.analyze("The president said", [Mine()], target=" that he was")
    figure = outputs_heatmap(explanation, "mine")
    assert figure.layout.title.text == ESCAPED
    assert np.nansum(np.array(figure.data[0].z, dtype=float)) == explanation["mine"].scores.sum()


def test_thirty_methods_fit_into_every_chart(explainer: TokenExplainer) -> None:
    names = [{"name": f"mine{number}", "title": f"Mine {number}"} for number in range(30)]
    classes = [make_dataclass("Another", [], bases=(Mine,), namespace=name, frozen=True) for name in names]
    methods = [kind(factor=float(number)) for number, kind in enumerate(classes)]
    (found,) = iter_faithfulness(explainer, TEXTS[:1], methods, settings=FaithfulnessSettings(orders=2, beam=1))
    lines = [trace for trace in faithfulness_curves(found).data if (trace.name or "").startswith("Mine")]
    assert len({(line.line.color, line.marker.symbol) for line in lines}) == len(lines) == 30
    comparison = PromptComparison(tuple(compare_prompts(explainer, TEXTS, methods).results))
    assert len(keyword_chart(track_keywords(comparison, ["film"]), "film", "rank").data) == 30
    assert len(agreement_heatmap(agreement(comparison.explanations[0]), Measure.COSINE).data[0].z) == 30
