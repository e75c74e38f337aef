"""Gradients integrated along straight ways, of several texts at once, stretch by stretch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from explain.models.joint import Rows
from explain.models.score import Score
from explain.types import Array


@dataclass(frozen=True)
class Panel:
    """A stretch of the way from the baseline (0) to the text (1).

    Attributes:
        start: Where it begins.
        end: Where it ends.
        scores: Each token's share [n] of the change of the score on it.
        error: sum(scores) - that change, which two forward passes know exactly.
    """

    start: float
    end: float
    scores: Array
    error: float

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2

    @property
    def halves(self) -> tuple[tuple[float, float], tuple[float, float]]:
        return (self.start, self.middle), (self.middle, self.end)


@dataclass(eq=False)
class Path:
    """The straight way from a text's baseline to its embeddings, and what is known of it.

    Attributes:
        number: Which of the texts that share passes.
        baseline: Embeddings [1, n, d] of the baseline.
        begin: Where the way begins: there, or with the first token already in place.
        embeddings: Where it ends: the text's own [1, n, d].
        baseline_output: The score at the baseline, once known.
        known: The score at places on the way.
        panels: The stretches of the way that are integrated.
    """

    number: int
    baseline: Tensor
    begin: Tensor
    embeddings: Tensor
    baseline_output: float = math.nan
    known: dict[float, float] = field(default_factory=dict)
    panels: list[Panel] = field(default_factory=list)

    def at(self, place: float) -> Tensor:
        """Embeddings [1, n, d] at a place on the way."""
        return torch.lerp(self.begin, self.embeddings, place)

    @property
    def output(self) -> float:
        """The score of the text."""
        return self.known[1.0]

    @property
    def difference(self) -> float:
        """What the scores are to sum to."""
        return self.output - self.baseline_output

    @property
    def scores(self) -> Array:
        """Of the tokens [n]: their shares of all stretches; the first one also has what it makes before the way begins."""
        scores: Array = np.sum([panel.scores for panel in self.panels], axis=0)
        scores[0] += self.known[0.0] - self.baseline_output
        return scores

    @property
    def gap(self) -> float:
        """How far the stretches miss the change of the score on all of them: in sum or, if they cancel by luck, in root sum of squares."""
        return max(abs(sum(panel.error for panel in self.panels)), math.hypot(*(panel.error for panel in self.panels)))


@dataclass(frozen=True)
class Integral:
    """Captum's integrated gradients on stretches of the ways of several texts that can be rows of one batch.

    Attributes:
        scores: The explained score of each text.
        steps: Gauss-Legendre nodes on a stretch.
    """

    scores: tuple[Score, ...]
    steps: int

    @cached_property
    def rows(self) -> int:
        """How many copies of a text go through the model at once."""
        return self.scores[0].rows_per_batch()

    def score_of(self, embeddings: Tensor, owners: Tensor) -> Tensor:
        """Score [B] with embeddings [B, n, d], each row of the text with that number [B]."""
        if len(self.scores) == 1:
            return self.scores[0].of_embeddings(embeddings)
        return Rows(tuple(self.scores[owner] for owner in owners.tolist())).of_embeddings(embeddings)

    def values(self, points: Sequence[tuple[int, Tensor]]) -> list[float]:
        """The score at embeddings [1, n, d], each with the number of its text."""
        found: list[float] = []
        for first in range(0, len(points), self.rows):
            owners, embeddings = zip(*points[first : first + self.rows], strict=True)
            with torch.no_grad():
                found += self.score_of(torch.cat(embeddings), torch.tensor(owners)).tolist()
        return found

    def measure(self, places: Sequence[tuple[Path, float]]) -> None:
        """Let the paths know their score at places on them."""
        for (path, place), value in zip(places, self.values([(path.number, path.at(place)) for path, place in places]), strict=True):
            path.known[place] = value

    def start(self, paths: Sequence[Path]) -> None:
        """Let the paths know the score at their ends and baselines, and integrate the whole way of each."""
        self.measure([(path, place) for path in paths for place in (0.0, 1.0)])
        for path in paths:
            path.baseline_output = path.known[0.0]
        apart = [path for path in paths if not torch.equal(path.begin, path.baseline)]
        for path, value in zip(apart, self.values([(path.number, path.baseline) for path in apart]), strict=True):
            path.baseline_output = value
        self.extend([(path, 0.0, 1.0) for path in paths])

    def extend(self, ways: Sequence[tuple[Path, float, float]]) -> None:
        """Integrate stretches between places where the score is known, and add them to their paths."""
        from captum.attr import IntegratedGradients

        for first in range(0, len(ways), self.rows):
            part = ways[first : first + self.rows]
            starts, ends = (torch.cat([path.at(way[side]) for path, *way in part]) for side in (0, 1))
            attributed = IntegratedGradients(self.score_of).attribute(
                ends,
                starts,
                additional_forward_args=(torch.tensor([path.number for path, *_ in part]),),
                n_steps=self.steps,
                method="gausslegendre",
                internal_batch_size=self.rows,
            )
            shares = attributed.detach().double().sum(-1).cpu().numpy()  # [stretches, n]
            for (path, start, end), share in zip(part, shares, strict=True):
                path.panels.append(Panel(start, end, share, float(share.sum()) - (path.known[end] - path.known[start])))
