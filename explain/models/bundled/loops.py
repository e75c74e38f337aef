"""How often a checkpoint that continues text says the same again."""

from __future__ import annotations

from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

CONTINUED = (
    "The president said that",
    "Once upon a time there was a",
    "The doctor told the patient to take the",
    "She opened the door and",
    "The weather in the north is",
    "My brother and I went to",
    "The old man sat down and",
    "In the middle of the night",
    "The company announced that",
    "He did not know why",
    "The children played in the",
    "Scientists have found that",
    "The film is about a young woman who",
    "After the war he",
    "The house was built in",
    "They were talking about the",
    "The dog ran across the",
    "If you want to learn",
    "The police said they",
    "There is nothing better than",
)


def repeated(model: Any, tokenizer: PreTrainedTokenizerBase) -> float:
    """Share of the 4-grams of greedy continuations that stood in the text before."""
    count, again = 0, 0
    for text in CONTINUED:
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        made = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=20, do_sample=False, pad_token_id=tokenizer.pad_token_id
        )
        tokens = made[0].tolist()
        grams = [tuple(tokens[i : i + 4]) for i in range(len(tokens) - 3)]
        count += len(grams)
        again += len(grams) - len(set(grams))
    return again / count
