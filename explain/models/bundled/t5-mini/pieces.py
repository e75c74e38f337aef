"""The vocabulary of t5-mini: Unigram pieces and the sentinels that stand for blanks."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

PAD, END, UNKNOWN = "<pad>", "</s>", "<unk>"
SENTINELS = [f"<extra_id_{i}>" for i in range(100)]
VOCABULARY = 8_000


def train_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """A Unigram model of the pieces that byte-pair merges find, which split words less than pieces pruned from a Unigram model.

    A sentinel takes the space before it and leaves the one after it, so that `a <extra_id_0>.` has no stray piece.
    """
    spaces = normalizers.Replace(Regex(r"\s+"), " ")
    normalizer = normalizers.Sequence([normalizers.NFKC(), spaces, normalizers.Strip(left=False, right=True)])
    words = pre_tokenizers.Split(Regex(r"▁?(?:\w+|[^\w▁])"), "isolated")
    pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(prepend_scheme="first", split=False), words])
    merged = Tokenizer(models.BPE(unk_token=UNKNOWN))
    merged.normalizer, merged.pre_tokenizer = normalizer, pre_tokenizer
    size = VOCABULARY - len(SENTINELS)
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=[PAD, END, UNKNOWN], limit_alphabet=300, show_progress=False)
    merged.train_from_iterator(texts, trainer)
    counts: Counter[int] = Counter()
    for start in range(0, len(texts), 20_000):
        for encoding in merged.encode_batch(texts[start : start + 20_000]):
            counts.update(encoding.ids)
    total = counts.total()
    names = sorted(merged.get_vocab().items(), key=lambda item: item[1])
    scores = [(name, math.log((counts[i] + 1) / total) if i > 2 else 0.0) for name, i in names]

    pieces = Tokenizer(models.Unigram(scores, unk_id=2))
    pieces.normalizer, pieces.pre_tokenizer = normalizer, pre_tokenizer
    pieces.decoder = decoders.Metaspace(prepend_scheme="first")
    pieces.add_special_tokens([PAD, END, UNKNOWN])
    pieces.add_special_tokens([AddedToken(name, lstrip=True, special=True, normalized=False) for name in reversed(SENTINELS)])
    end = pieces.token_to_id(END)
    pieces.post_processor = processors.TemplateProcessing(single=f"$A {END}", pair=f"$A {END} $B {END}", special_tokens=[(END, end)])
    return PreTrainedTokenizerFast(
        tokenizer_object=pieces, pad_token=PAD, eos_token=END, unk_token=UNKNOWN, extra_special_tokens=SENTINELS, model_max_length=512
    )


def word_starts(names: list[str]) -> np.ndarray:
    """Whether each piece begins a word or a mark."""
    return np.array([name.startswith("▁") or not name[0].isalnum() for name in names])
