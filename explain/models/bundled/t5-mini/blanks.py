"""Sentences with blanks to fill."""

from __future__ import annotations

import numpy as np
from pieces import SENTINELS, word_starts
from transformers import PreTrainedTokenizerFast

SINGLE = 0.3  # share of the sentences with one blank


class Blanks:
    """Spans of sequences replaced by sentinels: one run of 1 to 3 words, or several such runs (15 to 20 %)."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
        self.begins = word_starts(names)
        self.sentinels = tokenizer.convert_tokens_to_ids(SENTINELS)
        self.end = tokenizer.eos_token_id
        self.generator = np.random.default_rng()

    def spans(self, ids: np.ndarray) -> list[tuple[int, int]]:
        """Non-overlapping (start, end) in order; every span starts at the start of a word."""
        starts = np.flatnonzero(self.begins[ids])
        if not len(starts):
            return [(0, len(ids))]
        limits = np.append(starts[1:], len(ids))
        if self.generator.random() < SINGLE:
            first = int(self.generator.integers(len(starts)))
            last = min(first + int(self.generator.choice(3, p=(0.6, 0.25, 0.15))), len(starts) - 1)
            return [(int(starts[first]), int(limits[last]))]
        wanted = max(1, round(len(ids) * self.generator.uniform(0.15, 0.2)))
        chosen: list[tuple[int, int]] = []
        taken = np.zeros(len(ids) + 1, bool)
        for index in self.generator.permutation(len(starts)):
            start = starts[index]
            end = int(limits[min(index + int(self.generator.choice(3, p=(0.7, 0.2, 0.1))), len(starts) - 1)])
            if not taken[max(start - 1, 0) : end + 1].any():
                taken[start:end] = True
                chosen.append((int(start), end))
            if taken.sum() >= wanted:
                break
        return sorted(chosen)

    def __call__(self, ids: list[int]) -> tuple[list[int], list[int]]:
        """The sequence with blanks and the target, both ended, from a sequence with its end."""
        body = ids[:-1]
        source: list[int] = []
        target: list[int] = []
        reached = 0
        for sentinel, (start, end) in zip(self.sentinels, self.spans(np.asarray(body)), strict=False):
            source += [*body[reached:start], sentinel]
            target += [sentinel, *body[start:end]]
            reached = end
        return [*source, *body[reached:], self.end], [*target, self.end]
