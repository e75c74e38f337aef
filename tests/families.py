"""Tiny random models of every family and head, each with a tokenizer and a text of its task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import transformers as t
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from explain import TokenExplainer

WORDS = ["the", "a", "film", "was", "not", "very", "good", "bad", "plot", "but", "actors", "saved", "it", "positive", "negative"]
PIECES = ["[PAD]", "[CLS]", "</s>", "[UNK]", "[MASK]", *WORDS, *(f"<extra_id_{i}>" for i in range(3))]
TEXT = "the film was not very good but actors saved it"
IDS: dict[str, Any] = {"vocab_size": len(PIECES), "pad_token_id": 0, "eos_token_id": 2}
STACK: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
}


def tokenizer(*, opening: bool) -> t.PreTrainedTokenizerFast:
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


FAMILIES: dict[str, tuple[Any, Callable[[], Any], str]] = {
    "bert-masked": (t.BertForMaskedLM, lambda: t.BertConfig(**STACK, **IDS), "masked_lm"),
    "bert-class": (t.BertForSequenceClassification, lambda: t.BertConfig(**STACK, **IDS, num_labels=3), "classification"),
    "bert-embed": (t.BertModel, lambda: t.BertConfig(**STACK, **IDS), "embedding"),
    "distilbert-masked": (
        t.DistilBertForMaskedLM,
        lambda: t.DistilBertConfig(**IDS, dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=64),
        "masked_lm",
    ),
    "distilbert-class": (
        t.DistilBertForSequenceClassification,
        lambda: t.DistilBertConfig(**IDS, dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=64),
        "classification",
    ),
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
HIDDEN_ATTENTION: dict[str, tuple[Any, Callable[[], Any], str]] = {
    "deberta-masked": (t.DebertaV2ForMaskedLM, lambda: t.DebertaV2Config(**STACK, **IDS), "masked_lm"),
}


@dataclass
class Tiny:
    """A model, its tokenizer, its task and a text for it."""

    name: str
    model: Any
    tokenizer: t.PreTrainedTokenizerFast
    task: str

    @property
    def text(self) -> str:
        return {"masked_lm": TEXT.replace("good", "[MASK]"), "span_infilling": TEXT.replace("good", "___")}.get(self.task, TEXT)

    def explainer(self) -> TokenExplainer:
        labels = ("negative", "positive") if self.name == "t5-labels" else ()
        return TokenExplainer(self.model, self.tokenizer, task=self.task, labels=labels, prefix="" if labels else None)

    def plain_inputs(self) -> dict[str, torch.Tensor]:
        """Arguments for a plain call of the model."""
        text = self.text.replace("___", "<extra_id_0>")
        inputs = {"input_ids": torch.tensor([self.tokenizer(text)["input_ids"]])}
        if self.model.config.is_encoder_decoder and "class" not in self.name:
            inputs["decoder_input_ids"] = torch.tensor([[0, 20, 7, 8]])
        return inputs


def tiny(name: str, *, attention: str = "sdpa") -> Tiny:
    kind, config, task = {**FAMILIES, **HIDDEN_ATTENTION}[name]
    torch.manual_seed(0)
    model = kind(config()).eval()
    if attention != "sdpa":
        model.set_attn_implementation(attention)
    return Tiny(name, model, tokenizer(opening=not name.startswith(("gpt2", "t5", "llama", "qwen2"))), task)
