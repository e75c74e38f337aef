"""The tokenizers that families really have, with few words: WordPiece, byte-level BPE, BPE with byte fallback, Unigram."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import transformers as t
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

WORDS = "the a film was not very good bad plot but actors saved it positive negative is are Paris".split()
SENTINELS = [f"<extra_id_{number}>" for number in range(4)]
LETTERS = [chr(code) for code in range(33, 127)]


def _fast(raw: Tokenizer, **special: Any) -> t.PreTrainedTokenizerFast:
    return t.PreTrainedTokenizerFast(tokenizer_object=raw, clean_up_tokenization_spaces=False, **special)


def wordpiece() -> t.PreTrainedTokenizerFast:
    """BERT's: lower case, no accents, `##` continuations."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(str.lower, WORDS), "##s", "##ing", "##ly", "act", "##or"]
    pieces += [sign for sign in LETTERS if not sign.isupper()] + [f"##{sign}" for sign in LETTERS if sign.islower() or sign.isdigit()]
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    raw = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    raw.normalizer = normalizers.BertNormalizer(lowercase=True)
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    raw.decoder = decoders.WordPiece()
    raw.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return _fast(raw, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]")


def _merged(alphabet: list[str], words: list[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A vocabulary and merges that put each word together from left to right."""
    pieces, merges = dict.fromkeys(alphabet), []
    for word in words:
        for end in range(2, len(word) + 1):
            pieces[word[:end]] = None
            merges.append((word[: end - 1], word[end - 1]))
    return {piece: index for index, piece in enumerate(pieces)}, list(dict.fromkeys(merges))


def byte_level(*, opening: bool = False) -> t.PreTrainedTokenizerFast:
    """GPT-2's byte-level BPE; `opening` adds RoBERTa's <s> … </s>, its mask, and offsets without the space."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    vocabulary, merges = _merged(alphabet, [*(f"Ġ{word}" for word in WORDS), *WORDS])
    raw = Tokenizer(models.BPE(vocabulary, merges))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.post_processor = processors.ByteLevel(trim_offsets=False)
    if not opening:
        return _fast(raw, bos_token="</s>", eos_token="</s>", pad_token="<pad>")
    raw.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    names = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    return _fast(raw, **names, mask_token=AddedToken("<mask>", lstrip=True, special=True))


def byte_fallback() -> t.PreTrainedTokenizerFast:
    """Llama 2's and Mistral's: SentencePiece marks, and bytes for what is not in the vocabulary."""
    alphabet = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *LETTERS]
    vocabulary, merges = _merged(alphabet, [f"▁{word}" for word in WORDS])
    raw = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    raw.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    raw.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    raw.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return _fast(raw, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def unigram() -> t.PreTrainedTokenizerFast:
    """T5's: Unigram with SentencePiece marks, white space runs made one, sentinels, and an end mark."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -6.0)]
    pieces += [(f"▁{word}", -2.0) for word in WORDS] + [(word, -3.0) for word in WORDS] + [("s", -4.0), ("ing", -4.0)]
    pieces += [(sign, -8.0) for sign in LETTERS if sign != "s"]
    raw = Tokenizer(models.Unigram(pieces, unk_id=2, byte_fallback=False))
    raw.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")])
    raw.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    raw.decoder = decoders.Metaspace(prepend_scheme="always")
    raw.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return _fast(raw, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", extra_special_tokens=SENTINELS)


TOKENIZERS: dict[str, Callable[[], t.PreTrainedTokenizerFast]] = {
    "wordpiece": wordpiece,
    "byte-level": byte_level,
    "byte-level trimmed": lambda: byte_level(opening=True),
    "byte fallback": byte_fallback,
    "unigram": unigram,
}
