"""What the encoder of t5-mini is taught by BERT."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import torch
from pieces import SENTINELS, word_starts
from torch.nn.functional import cosine_similarity
from transformers import BertModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

sys.path.insert(0, str(Path(__file__).parents[1]))
from training import pad
from transfer import PreNorm

COPIED = slice(0, 384)
"""The channels of the encoder that are BERT's."""
LAYERS = 6


class Teacher:
    """BERT, whose output after each layer the encoder learns to repeat at the first piece of every word and at every blank."""

    def __init__(self, encoder: BertModel, words: PreTrainedTokenizerBase, tokenizer: PreTrainedTokenizerFast, layers: PreNorm) -> None:
        self.encoder = encoder.eval().requires_grad_(False)
        self.words = words
        self.layers = layers
        self.names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
        self.begins = word_starts(self.names)
        self.sentinels = frozenset(tokenizer.convert_tokens_to_ids(SENTINELS))
        self.pieces = lru_cache(maxsize=100_000)(self._pieces)

    def _pieces(self, ids: tuple[int, ...]) -> list[int]:
        if ids[0] in self.sentinels:
            return [int(self.words.mask_token_id)]
        text = "".join(self.names[i] for i in ids).replace("▁", "")
        found: list[int] = self.words(text, add_special_tokens=False)["input_ids"]
        return found or [int(self.words.unk_token_id)]

    def read(self, source: list[int]) -> tuple[list[int], list[tuple[int, int]]]:
        """What BERT reads in place of a sequence with its end, and (place in the sequence, place in BERT's)."""
        starts = [i for i, token in enumerate(source[:-1]) if i == 0 or self.begins[token] or source[i - 1] in self.sentinels]
        ids, places = [int(self.words.cls_token_id)], []
        for start, end in zip(starts, [*starts[1:], len(source) - 1], strict=True):
            places.append((start, len(ids)))
            ids += self.pieces(tuple(source[start:end]))
        return [*ids, int(self.words.sep_token_id)], places

    def loss(self, sources: list[list[int]], hidden: Sequence[torch.Tensor]) -> torch.Tensor:
        """One minus the cosine of the encoder's and BERT's output, over words and layers; `hidden`: the sums, the last one normed."""
        cases = [self.read(source) for source in sources]
        padding = int(self.words.pad_token_id)
        ids = pad([ids for ids, _ in cases], padding)
        with torch.no_grad():
            taught = self.encoder(ids, ids != padding, output_hidden_states=True).hidden_states
        rows = torch.tensor([row for row, (_, places) in enumerate(cases) for _ in places])
        own, theirs = torch.tensor([place for _, places in cases for place in places]).T
        value = torch.zeros(())
        for number, (mine, goal) in enumerate(zip(hidden[1:], taught[1:], strict=True)):
            said = mine[rows, own, COPIED]
            if number < LAYERS - 1:
                said = said / said.square().mean(-1, keepdim=True).sqrt() * self.layers.gains[number]
            value = value + 1 - cosine_similarity(said + self.layers.shifts[number], goal[rows, theirs], dim=-1).mean()
        return value / LAYERS
