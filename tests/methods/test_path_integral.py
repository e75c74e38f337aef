"""Gradients along ways of several texts at once, against Gauss and Legendre's sum written out for each alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from zoo import tiny

from explain.methods.integrated_gradients import IntegratedGradients
from explain.methods.path_integral import Integral, Panel, Path
from explain.models.score import Score
from explain.types import Array

STEPS = 5
SINGLE = 1e-7
"""Captum keeps the weights of its nodes in float32."""
WAYS = ((0.0, 0.3), (0.3, 1.0))


def by_hand(score: Score, path: Path, start: float, end: float) -> Array:
    """Shares [n] of the tokens on a stretch, node by node."""
    nodes, weights = np.polynomial.legendre.leggauss(STEPS)
    found = torch.zeros(path.embeddings.shape[1], dtype=torch.float64)
    for node, weight in zip(nodes, weights, strict=True):
        place = start + (end - start) * (node + 1) / 2
        here = (path.begin + place * (path.embeddings - path.begin)).requires_grad_()
        gradient = torch.autograd.grad(score.of_embeddings(here).sum(), here)[0]
        found += weight / 2 * (end - start) * (gradient * (path.embeddings - path.begin)).sum(-1)[0].detach()
    return found.numpy()


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_stretches_of_several_texts_are_those_of_each_alone(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tiny("bert-class")
    made.model.double()
    with made.explainer() as explainer:
        scores = tuple(explainer.ask(text, target=target).scores[0] for text, target in (("good film", 0), ("bad plot", 1)))
        monkeypatch.setattr(Score, "rows_per_batch", lambda self: rows)
        ends = [score.embeddings() for score in scores]
        paths = [Path(number, torch.zeros_like(end), torch.full_like(end, 0.1), end) for number, end in enumerate(ends)]
        integral = Integral(scores, STEPS)
        integral.measure([(path, place) for place in (0.0, 0.3, 1.0) for path in paths])
        integral.extend([(path, *way) for path in paths for way in WAYS])
        for score, path in zip(scores, paths, strict=True):
            known = {place: score.of_embeddings(path.at(place)).item() for place in (0.0, 0.3, 1.0)}
            assert path.known == pytest.approx(known, rel=1e-12)
            assert path.known[1.0] == pytest.approx(score.value(), rel=1e-12)
            assert [(panel.start, panel.end) for panel in path.panels] == list(WAYS)
            for panel in path.panels:
                share = by_hand(score, path, panel.start, panel.end)
                assert panel.scores == pytest.approx(share, rel=SINGLE, abs=1e-14)
                assert panel.error == pytest.approx(share.sum() - (known[panel.end] - known[panel.start]), abs=SINGLE)


def test_what_comes_before_the_way_belongs_to_the_first_token() -> None:
    made = tiny("bert-class")
    made.model.double()
    with made.explainer() as explainer:
        scores = tuple(explainer.ask(text).scores[0] for text in ("good film", "bad plot"))
        ends = [score.embeddings() for score in scores]
        paths = [Path(0, torch.zeros_like(ends[0]), torch.full_like(ends[0], 0.1), ends[0]), Path(1, ends[0], ends[0], ends[1])]
        Integral(scores, STEPS).start(paths)
        for score, path in zip(scores, paths, strict=True):
            before = score.of_embeddings(path.begin).item() - score.of_embeddings(path.baseline).item()
            assert path.baseline_output == pytest.approx(score.of_embeddings(path.baseline).item(), rel=1e-12)
            assert path.difference == pytest.approx(score.value() - path.baseline_output, rel=1e-12)
            assert path.scores - by_hand(score, path, 0.0, 1.0) == pytest.approx([before, *[0.0] * (len(path.scores) - 1)], abs=SINGLE)
        assert before == 0.0


def path_with(*errors: float) -> Path:
    path = Path(0, torch.zeros(1, 2, 3), torch.zeros(1, 2, 3), torch.ones(1, 2, 3), baseline_output=0.0, known={0.0: 0.0, 1.0: 1.0})
    path.panels = [Panel(place, place + 0.25, np.full(2, 0.1), error) for place, error in zip((0.0, 0.25, 0.5), errors, strict=False)]
    return path


def test_a_stretch_that_is_no_number_is_kept() -> None:
    path = path_with(0.5, math.nan, 0.4)
    assert IntegratedGradients()._halved(path) == []
    assert len(path.panels) == 3


@pytest.mark.parametrize(("nodes", "starts"), [(80, []), (111, []), (112, [0.5]), (144, [0.5, 0.0]), (1000, [0.5, 0.0])])
def test_the_worst_stretches_are_halved_as_far_as_nodes_go(nodes: int, starts: list[float]) -> None:
    """Three stretches have cost five times 16 nodes, the whole way and two halvings; each further one costs 32."""
    path = path_with(-0.3, 0.1, 0.4)
    halved = IntegratedGradients(maximum_steps=nodes)._halved(path)
    assert [panel.start for panel in halved] == starts
    assert len(path.panels) == 3 - len(starts)


def test_errors_that_cancel_by_luck_count() -> None:
    assert path_with(0.3, -0.4).gap == pytest.approx(0.5)  # root sum of squares; they sum to -0.1
    assert path_with(0.3, 0.4).gap == pytest.approx(0.7)


def test_halves_meet_in_the_middle() -> None:
    panel = Panel(0.25, 0.75, np.zeros(2), 0.0)
    assert panel.halves == ((0.25, 0.5), (0.5, 0.75))
