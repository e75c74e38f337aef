"""Display text of tokens, and sub-words grouped into words, all from character offsets."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from explain.errors import UnsupportedError
from explain.types import Array, Segment, Token

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedTokenizerBase

WORD = re.compile(r"\w+(?:['’\-]\w+)*|\S")


@dataclass(frozen=True)
class Word:
    """Tokens that are shown as one: their indices, their joined text, and the name that a longer segment may have.

    What is special is never taken away.
    """

    indices: tuple[int, ...]
    text: str
    before: str
    special: bool
    name: str = ""


def tokens_of(
    tokenizer: PreTrainedTokenizerBase, encoded: BatchEncoding, text: str, *, segment: Segment = Segment.INPUT
) -> tuple[Token, ...]:
    """The tokens of a text encoded with offsets and special-token mask.

    White space goes to `before`, so that the tokens' `before + text` joined, and what follows the last one, give back the text.
    A character made of several byte-level pieces is shown by the first of them.

    Raises:
        UnsupportedError: The tokenizer gives no offsets.
    """
    if not tokenizer.is_fast:
        raise UnsupportedError(
            f"The tokenizer {type(tokenizer).__name__} gives no character offsets. Load a fast tokenizer "
            "(AutoTokenizer.from_pretrained does so where one exists)."
        )
    ids: list[int] = encoded["input_ids"]
    offsets: list[tuple[int, int]] = encoded["offset_mapping"]
    specials = set(tokenizer.all_special_ids)
    pieces = tokenizer.convert_ids_to_tokens(ids)
    tokens = []
    reached = 0
    for index, piece, (start, end), added in zip(ids, pieces, offsets, encoded["special_tokens_mask"], strict=True):
        if set(piece) <= {"▁"}:
            end = start  # a lone word mark is given the place of the character after it
        fresh = max(start, reached)
        covered = text[fresh:end]
        shown = covered.lstrip()
        begin = min(fresh + len(covered) - len(shown), max(end, fresh))
        before = text[reached:begin] if end > reached else ""
        tokens.append(
            Token(
                text=shown,
                before=before,
                piece=piece,
                id=index,
                start=begin if end > reached else start,
                end=max(end, start),
                special=bool(added) or (index in specials and index != tokenizer.unk_token_id),
                segment=segment,
            )
        )
        reached = max(reached, end)
    return tuple(tokens)


def words(tokens: Sequence[Token], text: str, *, edges: Sequence[int] = ()) -> tuple[Word, ...]:
    """Group tokens into words: letters, digits, inner apostrophes and hyphens belong together, any other character is alone.

    No word goes on over one of the `edges`, which are places in the text in ascending order.
    Every token belongs to exactly one word, so sums over words equal sums over tokens.
    """
    owner = np.full(len(text) + 1, -1)
    for number, match in enumerate(WORD.finditer(text)):
        owner[match.start() : match.end()] = number
    for place in reversed(range(len(text))):
        if owner[place] < 0:
            owner[place] = owner[place + 1]  # a piece that stands for white space belongs to the word it opens
    groups: list[tuple[tuple[Segment, int, int], list[int]]] = []
    for index, token in enumerate(tokens):
        number = -1 if token.special or token.segment is Segment.OUTPUT else int(owner[token.start])
        key = (token.segment, number, bisect(edges, token.start))
        if groups and number >= 0 and groups[-1][0] == key:
            groups[-1][1].append(index)
        else:
            groups.append((key, [index]))
    return tuple(
        Word(
            indices=tuple(indices),
            text="".join((tokens[i].before if i != indices[0] else "") + tokens[i].text for i in indices) or tokens[indices[0]].label,
            before=tokens[indices[0]].before,
            special=all(tokens[i].special for i in indices),
        )
        for _, indices in groups
    )


def sum_over(groups: Sequence[Word], scores: Array) -> Array:
    """Sum scores [..., tokens] over each group: [..., groups]."""
    if not groups:
        return np.zeros((*scores.shape[:-1], 0))
    lengths = [len(group.indices) for group in groups]
    taken = scores[..., [index for group in groups for index in group.indices]]
    return np.add.reduceat(taken, [0, *accumulate(lengths[:-1])], axis=-1)
