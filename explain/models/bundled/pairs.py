"""Pairs of which a checkpoint should prefer the right one: the scorecard's verbs, and hand-written fillers."""

from __future__ import annotations

import csv
import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

sys.path.insert(0, str(Path(__file__).parents[3]))
from explain.evaluation.evidence import FRAMES, VERBS

FILLERS = Path(__file__).parents[3] / "tests/models/fillers.tsv"
GAP = "___"


@dataclass(frozen=True)
class Blank:
    """A text with a gap, and two words of which the first one is right."""

    text: str
    right: str
    wrong: str


def agreement_blanks() -> list[tuple[Blank, Blank]]:
    """The scorecard's pairs: the sentences of a pair differ in the number of their subject."""
    made = []
    for (subjects, joined, attractors, rest), attractor in itertools.product(FRAMES, (0, 1)):
        texts = (f"The {subject} {joined} {attractors[attractor]} {GAP} {rest}." for subject in subjects)
        one, several = (Blank(text, VERBS[i], VERBS[1 - i]) for i, text in enumerate(texts))
        made.append((one, several))
    return made


def filler_blanks() -> list[Blank]:
    with FILLERS.open(encoding="utf-8", newline="") as file:
        return [Blank(row["text"], row["sensible"], row["senseless"]) for row in csv.DictReader(file, delimiter="\t")]


Fill = Callable[[str], torch.Tensor]


def prefers(fill: Fill, tokenizer: PreTrainedTokenizerBase, blank: Blank) -> bool:
    """Whether the right word is the likelier one in the gap; words of several pieces are compared by the first one."""
    space = "" if tokenizer.mask_token else " "
    right, wrong = (tokenizer(f"{space}{word}", add_special_tokens=False)["input_ids"][0] for word in (blank.right, blank.wrong))
    logits = fill(blank.text)
    return bool(logits[right] > logits[wrong])


def filler(model: Any, tokenizer: PreTrainedTokenizerBase) -> Fill:
    """The logits in the gap of a text; a causal model reads what stands before it."""

    def fill(text: str) -> torch.Tensor:
        logits: torch.Tensor
        if model.config.is_encoder_decoder:
            ids = tokenizer(text.replace(f" {GAP}", "<extra_id_0>"), return_tensors="pt")["input_ids"]
            sentinel = tokenizer.convert_tokens_to_ids("<extra_id_0>")
            logits = model(input_ids=ids, decoder_input_ids=torch.tensor([[model.config.decoder_start_token_id, sentinel]])).logits[0, -1]
        elif tokenizer.mask_token:
            ids = tokenizer(text.replace(GAP, tokenizer.mask_token), return_tensors="pt")["input_ids"]
            logits = model(input_ids=ids).logits[0][ids[0] == tokenizer.mask_token_id][0]
        else:
            logits = model(input_ids=tokenizer(text[: text.index(GAP)].rstrip(), return_tensors="pt")["input_ids"]).logits[0, -1]
        return logits

    return fill
