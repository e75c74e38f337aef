"""Gradients along ways of several texts at once, against Gauss and Legendre's sum written out for each alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from zoo import tiny

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
        paths = [Path(number, torch.full_like(end, 0.1), end) for number, end in enumerate(ends)]
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
            assert path.nodes == 2 * STEPS


def test_errors_that_cancel_by_luck_count() -> None:
    path = Path(0, torch.zeros(1, 2, 3), torch.ones(1, 2, 3))
    path.panels = [Panel(0.0, 0.5, np.zeros(2), 0.3), Panel(0.5, 1.0, np.zeros(2), -0.4)]
    assert path.gap == pytest.approx(0.5)  # root sum of squares; they sum to -0.1
    path.panels[1] = Panel(0.5, 1.0, np.zeros(2), 0.4)
    assert path.gap == pytest.approx(0.7)


def test_halves_meet_in_the_middle() -> None:
    panel = Panel(0.25, 0.75, np.zeros(2), 0.0)
    assert panel.halves == ((0.25, 0.5), (0.5, 0.75))
