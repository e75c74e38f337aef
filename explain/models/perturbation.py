"""The explained score with some tokens taken away."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from explain.errors import UnsupportedError
from explain.models.joint import Rows
from explain.models.plan import PASS, Plan, expected_work, in_batches, with_prefixes
from explain.models.score import Score
from explain.segments import Granularity as Granularity
from explain.segments import groups_of as groups_of
from explain.tokens import Word
from explain.types import Array

if TYPE_CHECKING:
    from explain.models.continuation import Prefix

Keep = npt.NDArray[np.bool_]
AT_ONCE = 1024
"""Inputs that are written down before they go through the model; others who wait come in between."""


class Replacement(StrEnum):
    """What takes a token's place when it is taken away."""

    AUTO = "auto"
    MASK = "mask"
    PAD = "pad"
    DELETE = "delete"
    ATTENTION_MASK = "attention_mask"


def spread(groups: Sequence[Word], values: Array, length: int) -> Array:
    """Values of groups as scores per token [length]: each group's value in equal shares, so that sums are kept."""
    scores = np.zeros(length)
    for group, value in zip(groups, values, strict=True):
        scores[list(group.indices)] = value / len(group.indices)
    return scores


class PerturbedScore:
    """Score of the text in which only some features (segments of the text) are kept; special tokens always are.

    Each different perturbed input goes through the model once, in batches of equal length (nothing is ever padded) that hold a
    bounded number of tokens.

    Args:
        score: What is explained; it counts the passes.
        features: Groups of token indices that come and go together.
        replacement: What takes their place. `auto` is the mask token or, for models without one, deletion. `attention_mask`
            hides a token from all others; the token at the explained position stays visible.

    Raises:
        UnsupportedError: The tokenizer has no such token.
    """

    def __init__(self, score: Score, features: Sequence[Word], replacement: Replacement) -> None:
        self.score = score
        self._model = score.model
        self._encoding = score.encoding
        self._features = features
        self.replacement = self._resolve(replacement)
        self.known: dict[bytes, float] = {}

    def _resolve(self, replacement: Replacement) -> Replacement:
        tokenizer = self._model.tokenizer
        if replacement is Replacement.AUTO:
            return Replacement.DELETE if tokenizer.mask_token_id is None else Replacement.MASK
        missing = (replacement is Replacement.MASK and tokenizer.mask_token_id is None) or (
            replacement is Replacement.PAD and tokenizer.pad_token_id is None
        )
        if missing:
            raise UnsupportedError(
                f"The tokenizer of {self._model.name} has no {replacement} token. Choose another replacement, such as delete."
            )
        return replacement

    def __call__(self, keep: Keep) -> Array:
        """Scores [B] for `keep` [B, features]."""
        return scores_of([(self, keep)])[0]

    def rows(self, keep: Keep) -> list[dict[str, Tensor]]:
        """The inputs [n] of perturbed texts, and their explained positions."""
        kept = np.ones((len(keep), len(self._encoding.tokens)), dtype=bool)
        for column, feature in enumerate(self._features):
            kept[:, list(feature.indices)] = keep[:, [column]]
        length = self._encoding.input_length
        return [self._row(torch.from_numpy(row[:length]), torch.from_numpy(row[length:])) for row in kept]

    def _row(self, kept: Tensor, kept_prefix: Tensor) -> dict[str, Tensor]:
        """The inputs [n] of one perturbed text, and its explained position."""
        row = {name: tensor[0] for name, tensor in self._encoding.inputs.items()}
        position = self._encoding.position
        sides = [("input_ids", "attention_mask", kept.to(self._model.device))]
        if self._encoding.has_prefix:
            sides.append(("decoder_input_ids", "decoder_attention_mask", kept_prefix.to(self._model.device)))
        for ids, mask, keep in sides:
            if keep.all():
                continue
            explained_here = position is not None and self._encoding.has_prefix == (ids == "decoder_input_ids")
            if self.replacement is Replacement.DELETE:
                if explained_here and position is not None:
                    position = max(0, int(keep[: position + 1].sum()) - 1)
                for name in [n for n, t in row.items() if n.startswith("decoder_") == ids.startswith("decoder_") and len(t) == len(keep)]:
                    row[name] = row[name][keep]
                if not len(row[ids]):
                    row = {**row, **self._nothing(ids, mask)}
            elif self.replacement is Replacement.ATTENTION_MASK:
                visible = keep.clone()
                if explained_here and position is not None:
                    visible[position] = True
                row[mask] = visible.long()
            else:
                tokenizer = self._model.tokenizer
                index = tokenizer.mask_token_id if self.replacement is Replacement.MASK else tokenizer.pad_token_id
                row[ids] = torch.where(keep, row[ids], index)
        if position is not None:
            row["position"] = torch.tensor(position, device=self._model.device)
        return row

    def _nothing(self, ids: str, mask: str) -> dict[str, Tensor]:
        """A text of which nothing is left still needs one token to be read."""
        tokenizer = self._model.tokenizer
        stand_in = next(i for i in (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, 0) if i is not None)
        one = torch.ones(1, dtype=torch.long, device=self._model.device)
        return {ids: one * stand_in, mask: one}


def expected_passes(score: Score, features: Sequence[Word], coalitions: int | None) -> int:
    """About how many passes of the whole text it takes to leave out each feature by itself, or random coalitions of them.

    Long prompts of a decoder that begin alike are read once to where they part.
    """
    rows, tokens = (len(features) + 1 if coalitions is None else coalitions), len(score.encoding.tokens)
    if tokens < 2 * PASS or not features or not _continued(score):
        return rows
    ordered = sorted(features, key=lambda feature: feature.indices)
    starts = [feature.indices[0] for feature in ordered] + [ordered[-1].indices[-1] + 1]
    places = expected_work([end - start for start, end in pairwise(starts)], tokens - starts[-1], coalitions)
    return min(rows, 1 + math.ceil((starts[0] + places) / tokens))


def _continued(score: Score) -> bool:
    """Whether the rows of a question may continue what they begin with."""
    from explain.models.continuation import continues

    return score.encoding.position is not None and not score.encoding.has_prefix and continues(score.model)


def scores_of(asked: Sequence[tuple[PerturbedScore, Keep]]) -> list[Array]:
    """Scores [B] for each perturbed score and its `keep` [B, features]; rows of one length share batches, whose text they ever are of."""
    keys = [[row.tobytes() for row in np.packbits(np.ascontiguousarray(keep), axis=1)] for _, keep in asked]
    new = [
        (score, key, row)
        for (score, keep), own in zip(asked, keys, strict=True)
        for key, row in {key: row for key, row in zip(own, keep, strict=True) if key not in score.known}.items()
    ]
    for start in range(0, len(new), AT_ONCE):
        _evaluate(new[start : start + AT_ONCE])
    return [np.array([score.known[key] for key in own], dtype=np.float64) for (score, _), own in zip(asked, keys, strict=True)]


def _evaluate(new: Sequence[tuple[PerturbedScore, bytes, Keep]]) -> None:
    rows = [row for score, group in groupby(new, lambda one: one[0]) for row in score.rows(np.stack([keep for _, _, keep in group]))]
    scores = [score.score for score, _, _ in new]
    known: Prefix | None = None
    for step in _plan(scores, rows).steps:
        batch = {name: torch.stack([_filled(rows[number], name) for number in step.rows]) for name in _names(rows, step.rows)}
        positions = batch.pop("position", None)
        active: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        if step.shared or known is not None:
            from explain.models.continuation import Prefix

            known = known or Prefix(scores[0].model.model)
            known.begin({name: tensor[:1] for name, tensor in batch.items()}, kept=step.kept, shared=step.shared)
            active = scores[0].model.instruments.continuing(known)
        own = [scores[number] for number in step.rows]
        with torch.no_grad(), active:
            values = own[0].of_rows(batch, positions) if len(set(own)) == 1 else Rows(tuple(own)).of_rows(batch, positions)
        for number, value in zip(step.rows, values.double().cpu().tolist(), strict=True):
            new[number][0].known[new[number][1]] = float(value)


def _plan(scores: Sequence[Score], rows: Sequence[dict[str, Tensor]]) -> Plan:
    """The batches of rows; those of a model that can continue what it knows may share what they begin with."""
    model, names = scores[0].model, sorted(_names(rows, range(len(rows))) - {"position"})
    lengths = [_lengths(row) for row in rows]
    if max(map(sum, lengths)) >= 2 * PASS and "position" in rows[0] and "decoder_input_ids" not in names:
        places = [np.stack([_filled(row, name).cpu().numpy() for name in names], axis=1) for row in rows]
        read = [int(row["position"]) + 1 - score.encoding.steps for row, score in zip(rows, scores, strict=True)]
        found = with_prefixes(places, read, model.rows_per_batch)
        if any(step.shared for step in found.steps):
            from explain.models.continuation import continues

            if continues(model):
                return found
    return in_batches(lengths, model.rows_per_batch)


def _names(rows: Sequence[dict[str, Tensor]], numbers: Iterable[int]) -> set[str]:
    return set().union(*(rows[number] for number in numbers))


def _filled(row: dict[str, Tensor], name: str) -> Tensor:
    """An input of a row; a mask that it does not have hides nothing."""
    ids = "decoder_input_ids" if name.startswith("decoder_") else "input_ids"
    return row[name] if name in row else torch.ones_like(row[ids])


def _lengths(row: dict[str, Tensor]) -> tuple[int, ...]:
    return tuple(len(row[name]) for name in ("input_ids", "decoder_input_ids") if name in row)
