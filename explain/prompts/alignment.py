"""The words of several prompts in common columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import numpy.typing as npt

from explain.errors import InputError
from explain.results import Explanation
from explain.tokens import Word, sum_over, words
from explain.types import Array, Segment

Key = tuple[str, bool, bool]


@dataclass(frozen=True)
class Alignment:
    """Prompts x columns: which word of each prompt stands in which column.

    All words of a column are the same but for case. Every word of every prompt stands in exactly one column, in its order.

    Attributes:
        labels: One per column: the word as the first prompt that has it writes it.
        special: Whether the column holds special tokens.
        output: Whether it holds tokens of the output that the model continues.
        words: The words of every prompt, special tokens among them.
        matrix: [prompts, columns] numbers of words (from 0), -1 where a prompt has none.
    """

    labels: tuple[str, ...]
    special: tuple[bool, ...]
    output: tuple[bool, ...]
    words: tuple[tuple[Word, ...], ...]
    matrix: npt.NDArray[np.int64]

    def scores(self, rows: Sequence[Array]) -> Array:
        """Scores of every prompt's words, one array [words] per prompt, in their columns: [prompts, columns], NaN for gaps."""
        found = np.full(self.matrix.shape, np.nan)
        for line, numbers, values in zip(found, self.matrix, rows, strict=True):
            line[numbers >= 0] = values[numbers[numbers >= 0]]
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {
            "labels": list(self.labels),
            "special": list(self.special),
            "output": list(self.output),
            "words": [[word.text for word in row] for row in self.words],
            "matrix": self.matrix.tolist(),
        }


def align(explanations: Iterable[Explanation]) -> Alignment:
    """Put the words of explanations (such as those of a `PromptComparison`) into common columns.

    Prompt by prompt, the words are aligned with the columns so far by `difflib.SequenceMatcher`, which looks for the longest runs of
    equal words (case and Unicode composition make no difference); words that match nothing get new columns where they stand, after those
    that they replace. Special tokens only match special tokens, and output tokens only output tokens.

    Raises:
        InputError: There is no explanation.
    """
    given = list(explanations)
    grouped = [words(e.tokens, e.text) for e in given]
    sides = [[e.tokens[word.indices[0]].segment is Segment.OUTPUT for word in row] for e, row in zip(given, grouped, strict=True)]
    if not grouped:
        raise InputError("There is no prompt to align. Give at least one.")
    keys = [[_key(word, side) for word, side in zip(row, side_row, strict=True)] for row, side_row in zip(grouped, sides, strict=True)]
    columns, matrix = align_keys(keys)
    labels = []
    for column in matrix.T:
        row = int((column >= 0).argmax())
        labels.append(grouped[row][column[row]].text)
    return Alignment(
        tuple(labels),
        tuple(special for _, special, _ in columns),
        tuple(output for _, _, output in columns),
        tuple(grouped),
        matrix,
    )


def align_keys(rows: Sequence[Sequence[Key]]) -> tuple[tuple[Key, ...], npt.NDArray[np.int64]]:
    """Columns and matrix [rows, columns] of an alignment of rows of keys; only equal keys share a column."""
    columns: list[Key] = []
    placed: list[list[int]] = []  # for each row, the column of each of its keys
    for row in rows:
        shift = np.zeros(len(columns), dtype=int)  # how many new columns come before each old one
        grown: list[Key] = []
        columns_here: list[int] = []
        for kind, start, end, first, last in SequenceMatcher(None, columns, row, autojunk=False).get_opcodes():
            shift[start:end] = len(grown) - start
            grown += columns[start:end]
            if kind == "equal":
                columns_here += range(len(grown) - (end - start), len(grown))
            else:
                columns_here += range(len(grown), len(grown) + last - first)
                grown += row[first:last]
        placed = [[column + int(shift[column]) for column in earlier] for earlier in placed]
        placed.append(columns_here)
        columns = grown
    matrix = np.full((len(placed), len(columns)), -1)
    for line, own in zip(matrix, placed, strict=True):
        line[own] = np.arange(len(own))
    return tuple(columns), matrix


def aligned_scores(explanations: Iterable[Explanation], method: str, *, alignment: Alignment | None = None) -> Array:
    """A method's scores of the aligned words [prompts, columns]; NaN for gaps. Each row sums to the sum of its tokens' scores.

    Args:
        explanations: The prompts.
        method: Whose scores.
        alignment: Of these explanations, if it is known already.

    Raises:
        InputError: A prompt was not explained by this method.
    """
    given = list(explanations)
    for number, explanation in enumerate(given, 1):
        if method not in [a.method for a in explanation]:
            raise InputError(f"Prompt {number} was not explained by {method!r}. It has: {', '.join(a.method for a in explanation)}.")
    alignment = alignment or align(given)
    return alignment.scores([sum_over(row, e[method].scores) for row, e in zip(alignment.words, given, strict=True)])


def _key(word: Word, output: bool) -> Key:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", word.text).casefold()), word.special, output
