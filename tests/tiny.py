"""Tiny models with the tokenizers that families really have: WordPiece, byte-level BPE, BPE with byte fallback, Unigram."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
import transformers as t
from families import FAMILIES, HIDDEN_ATTENTION, IDS, STACK
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from explain import TokenExplainer
from explain.types import Question

WORDS = "the a film was not very good bad plot but actors saved it positive negative is are Paris".split()
TEXT = "the film was not very good but actors saved it"
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

REAL: dict[str, tuple[str, str]] = {
    "bert-masked": ("bert-masked", "wordpiece"),
    "bert-class": ("bert-class", "wordpiece"),
    "roberta-masked": ("roberta-masked", "byte-level trimmed"),
    "roberta-class": ("roberta-class", "byte-level trimmed"),
    "gpt2-next": ("gpt2-next", "byte-level"),
    "gpt2-class": ("gpt2-class", "byte-level"),
    "llama-next": ("llama-next", "byte fallback"),
    "t5-span": ("t5-span", "unigram"),
    "t5-class": ("t5-class", "unigram"),
    "bart-generation": ("bart-generation", "byte-level trimmed"),
}


@dataclass
class Tiny:
    """A model with a real tokenizer, and an untouched copy of it."""

    model: Any
    plain: Any
    tokenizer: t.PreTrainedTokenizerFast
    task: str

    @contextmanager
    def explainer(self, *, task: str | None = None, **more: Any) -> Iterator[TokenExplainer]:
        with TokenExplainer(self.model, self.tokenizer, task=task or self.task, **more) as explainer:
            yield explainer

    def ids(self, text: str) -> torch.Tensor:
        return torch.tensor([self.tokenizer(text)["input_ids"]])

    @torch.no_grad()
    def logits(self, text: str, **more: Any) -> torch.Tensor:
        """The plain model's logits [n, C], or [C] of a classifier."""
        logits: torch.Tensor = self.plain(input_ids=self.ids(text), **more).logits[0]
        return logits


def real(name: str, *, seed: int = 0, **settings: Any) -> Tiny:
    """The family's model, with the vocabulary of a tokenizer of its kind; `settings` go to the configuration."""
    family, kind = REAL[name]
    model_class, configuration, task = FAMILIES[family]
    tokenizer = TOKENIZERS[kind]()
    config = configuration()
    settings = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id} | settings
    settings |= {"bos_token_id": tokenizer.bos_token_id}
    if config.is_encoder_decoder:
        settings["decoder_start_token_id"] = tokenizer.pad_token_id if "t5" in name else tokenizer.eos_token_id
    for key, value in settings.items():
        setattr(config, key, value)
    torch.manual_seed(seed)
    model = model_class(config).eval()
    return Tiny(model, deepcopy(model), tokenizer, task)


def xlnet() -> tuple[Any, Callable[[], Any], str]:
    sizes = {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48, "initializer_range": 0.3}
    return (t.XLNetForSequenceClassification, lambda: t.XLNetConfig(**IDS, **sizes, bos_token_id=1), "classification")


HIDDEN = {
    **HIDDEN_ATTENTION,
    "xlnet-class": xlnet(),
    "deberta-class": (t.DebertaV2ForSequenceClassification, lambda: t.DebertaV2Config(**STACK, **IDS), "classification"),
}


class Reference:
    """The explained score computed by a plain model from embeddings: `inputs_embeds` where that is valid, else its parts by hand."""

    def __init__(self, model: Any, name: str, question: Question, label_ids: list[list[int]] | None = None) -> None:
        self.model, self.name, self.question, self.label_ids = model, name, question, label_ids
        self.ids = question.encoding.inputs["input_ids"]
        self.decoder_ids = question.encoding.inputs.get("decoder_input_ids")

    def embeddings(self) -> torch.Tensor:
        """Of every token read, by the plain model's own embedding layers [1, n, d]."""
        with torch.no_grad():
            if not self.model.config.is_encoder_decoder:
                return self.model.get_input_embeddings()(self.ids)
            base = self.model.base_model
            parts = [base.get_encoder().get_input_embeddings()(self.ids)]
            if self.decoder_ids is not None:
                parts.append(base.get_decoder().get_input_embeddings()(self.decoder_ids))
            return torch.cat(parts, dim=1)

    def logits(self, embeddings: torch.Tensor) -> torch.Tensor:
        rows, length = len(embeddings), self.ids.shape[1]
        given, prefix = embeddings[:, :length], embeddings[:, length:]
        encoding, model = self.question.encoding, self.model
        if "embed" in self.name:
            trunk = model.get_encoder() if model.config.is_encoder_decoder else model
            assert encoding.direction is not None
            return trunk(inputs_embeds=given).last_hidden_state.mean(1) @ encoding.direction[:, None]
        if not model.config.is_encoder_decoder:
            more = {}
            if "roberta" in self.name:
                more["position_ids"] = torch.arange(length).expand(rows, -1) + model.config.pad_token_id + 1
            logits = model(inputs_embeds=given, **more).logits
            return logits if "class" in self.name else logits[:, encoding.position]
        if encoding.mirrored:
            base, start = model.base_model, torch.tensor([[model.config.decoder_start_token_id]])
            with torch.no_grad():
                first = base.get_decoder().get_input_embeddings()(start).expand(rows, -1, -1)
            hidden = base(inputs_embeds=given, decoder_inputs_embeds=torch.cat([first, given[:, :-1]], dim=1)).last_hidden_state
            last = int((self.ids[0] == model.config.eos_token_id).nonzero()[-1])
            return model.classification_head(hidden[:, last])
        if self.label_ids is not None:
            start = [model.config.decoder_start_token_id]
            columns = []
            for label in self.label_ids:
                read = torch.tensor([start + label[:-1]]).expand(rows, -1)
                found = model(inputs_embeds=given, decoder_input_ids=read).logits.log_softmax(-1)
                columns.append(sum(found[:, step, piece] for step, piece in enumerate(label)))
            return torch.stack(columns, dim=-1)
        return model(inputs_embeds=given, decoder_inputs_embeds=prefix).logits[:, encoding.position]

    def __call__(self, embeddings: torch.Tensor) -> torch.Tensor:
        logits, unit = self.logits(embeddings), self.question.unit.value
        values = logits if unit == "logit" else logits.log_softmax(-1) if unit == "log_probability" else logits.softmax(-1)
        score = values[:, self.question.target.index]
        return score if self.question.foil is None else score - values[:, self.question.foil.index]
