"""The zoo: tiny random models of every family and head, each with a tokenizer, a text of its task, and an untouched copy."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
import transformers as t
from references import Reference
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from vocabularies import TOKENIZERS

from explain import TokenExplainer
from explain.models.score import Score
from explain.types import Array, Encoding

WORDS = ["the", "a", "film", "was", "not", "very", "good", "bad", "plot", "but", "actors", "saved", "it", "positive", "negative"]
PIECES = ["[PAD]", "[CLS]", "</s>", "[UNK]", "[MASK]", *WORDS, *(f"<extra_id_{i}>" for i in range(3))]
TEXT = "the film was not very good but actors saved it"
LABELS = ("negative", "positive")
IDS: dict[str, Any] = {"vocab_size": len(PIECES), "pad_token_id": 0, "eos_token_id": 2}
STACK: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
}
DEEP: dict[str, Any] = {
    "num_hidden_layers": 3,
    "encoder_layers": 3,
    "num_decoder_layers": 2,
    "decoder_layers": 2,
    "initializer_range": 0.4,
    "init_std": 0.4,
}


def tokenizer(*, opening: bool) -> t.PreTrainedTokenizerFast:
    """One token a word; `opening` puts [CLS] before the text."""
    raw = Tokenizer(models.WordLevel({piece: i for i, piece in enumerate(PIECES)}, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    template = "[CLS] $A </s>" if opening else "$A </s>"
    raw.post_processor = processors.TemplateProcessing(single=template, special_tokens=[("[CLS]", 1), ("</s>", 2)])
    return t.PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token="[PAD]",
        cls_token="[CLS]",
        eos_token="</s>",
        sep_token="</s>",
        unk_token="[UNK]",
        mask_token="[MASK]",
    )


def _distilbert() -> t.DistilBertConfig:
    return t.DistilBertConfig(**IDS, dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=64)


def _gpt2() -> t.GPT2Config:
    return t.GPT2Config(**IDS, n_embd=32, n_layer=2, n_head=4, n_positions=64, bos_token_id=1, initializer_range=0.3)


def _t5(activation: str = "gated-gelu") -> t.T5Config:
    return t.T5Config(**IDS, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, decoder_start_token_id=0, feed_forward_proj=activation)


def _bart() -> t.BartConfig:
    heads = {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
    sizes = {"encoder_layers": 2, "decoder_layers": 2, "d_model": 32, "max_position_embeddings": 64, "init_std": 0.3}
    return t.BartConfig(**IDS, **heads, **sizes, decoder_start_token_id=2, bos_token_id=1, forced_eos_token_id=None)


def _modern() -> t.ModernBertConfig:
    return t.ModernBertConfig(**STACK, **IDS, cls_token_id=1, sep_token_id=2, bos_token_id=1)


def _xlnet() -> t.XLNetConfig:
    return t.XLNetConfig(**IDS, d_model=32, n_layer=2, n_head=4, d_inner=48, initializer_range=0.3, bos_token_id=1)


def _gpt_neo() -> t.GPTNeoConfig:
    layers = {"attention_types": [[["global", "local"], 1]], "num_layers": 2, "num_heads": 4, "window_size": 4}
    return t.GPTNeoConfig(**IDS, **layers, hidden_size=32, intermediate_size=48, max_position_embeddings=64, initializer_range=0.3)


def _falcon() -> t.FalconConfig:
    return t.FalconConfig(**IDS, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, bos_token_id=1, initializer_range=0.3)


def _mvp() -> t.MvpConfig:
    heads = {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
    sizes = {"encoder_layers": 2, "decoder_layers": 2, "d_model": 32, "max_position_embeddings": 64, "init_std": 0.3}
    return t.MvpConfig(**IDS, **heads, **sizes, decoder_start_token_id=2, bos_token_id=1, forced_eos_token_id=None)


FAMILIES: dict[str, tuple[Any, Callable[[], Any], str]] = {
    "bert-masked": (t.BertForMaskedLM, lambda: t.BertConfig(**STACK, **IDS), "masked_lm"),
    "bert-class": (t.BertForSequenceClassification, lambda: t.BertConfig(**STACK, **IDS, num_labels=3), "classification"),
    "bert-embed": (t.BertModel, lambda: t.BertConfig(**STACK, **IDS), "embedding"),
    "distilbert-masked": (t.DistilBertForMaskedLM, _distilbert, "masked_lm"),
    "distilbert-class": (t.DistilBertForSequenceClassification, _distilbert, "classification"),
    "roberta-masked": (t.RobertaForMaskedLM, lambda: t.RobertaConfig(**STACK, **IDS), "masked_lm"),
    "roberta-class": (t.RobertaForSequenceClassification, lambda: t.RobertaConfig(**STACK, **IDS), "classification"),
    "albert-masked": (t.AlbertForMaskedLM, lambda: t.AlbertConfig(**STACK, **IDS, embedding_size=16), "masked_lm"),
    "electra-masked": (t.ElectraForMaskedLM, lambda: t.ElectraConfig(**STACK, **IDS, embedding_size=16), "masked_lm"),
    "modernbert-masked": (t.ModernBertForMaskedLM, _modern, "masked_lm"),
    "modernbert-class": (t.ModernBertForSequenceClassification, _modern, "classification"),
    "gpt2-next": (t.GPT2LMHeadModel, _gpt2, "next_token"),
    "gpt2-class": (t.GPT2ForSequenceClassification, _gpt2, "classification"),
    "gpt2-generation": (t.GPT2LMHeadModel, _gpt2, "generation"),
    "llama-next": (t.LlamaForCausalLM, lambda: t.LlamaConfig(**STACK, **IDS, num_key_value_heads=2, bos_token_id=1), "next_token"),
    "qwen2-next": (t.Qwen2ForCausalLM, lambda: t.Qwen2Config(**STACK, **IDS, num_key_value_heads=2, bos_token_id=1), "next_token"),
    "t5-span": (t.T5ForConditionalGeneration, lambda: _t5("relu"), "span_infilling"),
    "t5-generation": (t.T5ForConditionalGeneration, _t5, "generation"),
    "t5-class": (t.T5ForSequenceClassification, _t5, "classification"),
    "t5-labels": (t.T5ForConditionalGeneration, _t5, "classification"),
    "t5-embed": (t.T5Model, _t5, "embedding"),
    "bart-generation": (t.BartForConditionalGeneration, _bart, "generation"),
    "bart-class": (t.BartForSequenceClassification, _bart, "classification"),
}
SHARED = ("albert-masked",)
"""One layer at every depth."""
OWN: dict[str, tuple[Any, Callable[[], Any], str]] = {
    "deberta-masked": (t.DebertaV2ForMaskedLM, lambda: t.DebertaV2Config(**STACK, **IDS), "masked_lm"),
    "mpnet-masked": (t.MPNetForMaskedLM, lambda: t.MPNetConfig(**STACK, **IDS), "masked_lm"),
    "roformer-masked": (t.RoFormerForMaskedLM, lambda: t.RoFormerConfig(**STACK, **IDS, embedding_size=32), "masked_lm"),
    "gpt-neo-next": (t.GPTNeoForCausalLM, _gpt_neo, "next_token"),
    "falcon-next": (t.FalconForCausalLM, _falcon, "next_token"),
    "bloom-next": (
        t.BloomForCausalLM,
        lambda: t.BloomConfig(**IDS, hidden_size=32, n_layer=2, n_head=4, initializer_range=0.3),
        "next_token",
    ),
    "mvp-generation": (t.MvpForConditionalGeneration, _mvp, "generation"),
}
"""These do not use transformers' attention interface, but show a softmax and a product."""
HIDDEN: dict[str, tuple[Any, Callable[[], Any], str]] = {
    "xlnet-class": (t.XLNetForSequenceClassification, _xlnet, "classification"),
}
"""These show neither."""
REAL: dict[str, str] = {
    "bert-masked": "wordpiece",
    "bert-class": "wordpiece",
    "roberta-masked": "byte-level trimmed",
    "roberta-class": "byte-level trimmed",
    "gpt2-next": "byte-level",
    "gpt2-class": "byte-level",
    "llama-next": "byte fallback",
    "t5-span": "unigram",
    "t5-class": "unigram",
    "bart-generation": "byte-level trimmed",
}
"""Families and the kind of tokenizer that they really have."""


@dataclass
class Tiny:
    """A model, an untouched copy of it, its tokenizer, its task and a text for it."""

    name: str
    model: Any
    plain: Any
    tokenizer: t.PreTrainedTokenizerFast
    task: str

    @property
    def text(self) -> str:
        return {"masked_lm": TEXT.replace("good", "[MASK]"), "span_infilling": TEXT.replace("good", "___")}.get(self.task, TEXT)

    @property
    def encoder_decoder(self) -> bool:
        return bool(self.model.config.is_encoder_decoder)

    def explainer(self, *, task: str | None = None, **more: Any) -> TokenExplainer:
        if self.name == "t5-labels":
            more = {"labels": LABELS, "prefix": ""} | more
        return TokenExplainer(self.model, self.tokenizer, task=task or self.task, **more)

    def plain_inputs(self) -> dict[str, torch.Tensor]:
        """Arguments for a plain call of the model."""
        inputs = {"input_ids": self.ids(self.text.replace("___", "<extra_id_0>"))}
        if self.encoder_decoder and "class" not in self.name:
            inputs["decoder_input_ids"] = torch.tensor([[0, 20, 7, 8]])
        return inputs

    def ids(self, text: str) -> torch.Tensor:
        return torch.tensor([self.tokenizer(text)["input_ids"]])

    @torch.no_grad()
    def logits(self, text: str, **more: Any) -> torch.Tensor:
        """The plain model's logits [n, C], or [C] of a classifier."""
        logits: torch.Tensor = self.plain(input_ids=self.ids(text), **more).logits[0]
        return logits

    def reference(self, score: Score) -> Reference:
        """The explained score as a function of embeddings, by the plain model."""
        own = [self.tokenizer(label, add_special_tokens=False)["input_ids"] for label in LABELS]
        return Reference(self.plain, self.name, score, own if self.name == "t5-labels" else None)

    @torch.no_grad()
    def eager(self, encoding: Encoding) -> dict[str, Array]:
        """Group -> [layers, heads, queries, keys] by `output_attentions` of an eager model with the same weights."""
        plain = deepcopy(self.plain)
        plain.set_attn_implementation("eager")
        inputs = {n: tensor for n, tensor in encoding.inputs.items() if n in ("input_ids", "attention_mask", "decoder_input_ids")}
        if self.task == "embedding":
            trunk = plain.get_encoder() if self.encoder_decoder else plain
            groups = {"encoder" if self.encoder_decoder else "self": trunk(**inputs, output_attentions=True).attentions}
        else:
            if self.encoder_decoder and not encoding.has_prefix and not encoding.mirrored:
                inputs["decoder_input_ids"] = torch.tensor([[plain.config.decoder_start_token_id]])
            out = plain(**inputs, output_attentions=True)
            groups = (
                {"encoder": out.encoder_attentions, "decoder": out.decoder_attentions, "cross": out.cross_attentions}
                if self.encoder_decoder
                else {"self": out.attentions}
            )
        return {name: torch.stack(layers)[:, 0].double().numpy() for name, layers in groups.items()}


def tiny(name: str, *, attention: str = "sdpa", deep: bool = False) -> Tiny:
    """The model of a family, always the same; `deep` ones have three layers (two in a decoder) and sharp attention."""
    kind, configuration, task = {**FAMILIES, **OWN, **HIDDEN}[name]
    config = configuration()
    for key, value in DEEP.items():
        if deep and hasattr(config, key):
            setattr(config, key, value)
    torch.manual_seed(0)
    model = kind(config).eval()
    if deep and name.startswith("t5"):
        for key, parameter in model.named_parameters():
            parameter.data *= 2.0 if key.endswith(("q.weight", "k.weight")) else 1.0
    if attention != "sdpa":
        model.set_attn_implementation(attention)
    words = tokenizer(opening=not name.startswith(("gpt2", "t5", "llama", "qwen2")))
    return Tiny(name, model, deepcopy(model), words, task)


def real(name: str, *, seed: int = 0, **settings: Any) -> Tiny:
    """The family's model, with the vocabulary of a tokenizer of its kind; `settings` go to the configuration."""
    kind, configuration, task = FAMILIES[name]
    words = TOKENIZERS[REAL[name]]()
    config = configuration()
    settings = {"vocab_size": len(words), "pad_token_id": words.pad_token_id, "eos_token_id": words.eos_token_id} | settings
    settings |= {"bos_token_id": words.bos_token_id}
    if config.is_encoder_decoder:
        settings["decoder_start_token_id"] = words.pad_token_id if "t5" in name else words.eos_token_id
    for key, value in settings.items():
        setattr(config, key, value)
    torch.manual_seed(seed)
    model = kind(config).eval()
    return Tiny(name, model, deepcopy(model), words, task)
