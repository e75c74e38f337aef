"""Tiny random models with sharp attention, each with an explainer and what transformers' own eager attention gives."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
import transformers as t
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from explain.explainer import TokenExplainer

WORDS = ["the", "a", "film", "was", "not", "very", "good", "bad", "plot", "but", "[MASK]", "actors", "saved", "it", "positive", "negative"]
SPECIAL = ["[PAD]", "[CLS]", "</s>", "[UNK]"]
TEXT = "the film was not very good but actors saved it"
STACK = {"num_hidden_layers": 3, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 48, "initializer_range": 0.4}


def tokenizer(*, classifier: bool) -> t.PreTrainedTokenizerFast:
    vocabulary = {word: index for index, word in enumerate(SPECIAL + WORDS + [f"<extra_id_{i}>" for i in range(3)])}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if classifier:
        raw.post_processor = processors.TemplateProcessing(single="[CLS] $A </s>", special_tokens=[("[CLS]", 1), ("</s>", 2)])
    else:
        raw.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    return t.PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token="[PAD]",
        cls_token="[CLS]",
        eos_token="</s>",
        sep_token="</s>",
        unk_token="[UNK]",
        mask_token="[MASK]",
    )


SIZE = len(SPECIAL) + len(WORDS) + 3
SPECIAL_IDS = {"pad_token_id": 0, "eos_token_id": 2, "vocab_size": SIZE}


def bert(**more):
    return t.BertConfig(**STACK, **SPECIAL_IDS, max_position_embeddings=64, **more)


def gpt2():
    return t.GPT2Config(
        vocab_size=SIZE, n_embd=32, n_layer=3, n_head=4, n_positions=64, bos_token_id=2, eos_token_id=2, initializer_range=0.4
    )


def t5(**more):
    return t.T5Config(
        **SPECIAL_IDS, d_model=32, d_kv=8, d_ff=48, num_layers=3, num_decoder_layers=2, num_heads=4, decoder_start_token_id=0, **more
    )


def bart(**more):
    heads = {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
    layers = {"encoder_layers": 3, "decoder_layers": 2, "d_model": 32, "max_position_embeddings": 64, "init_std": 0.4}
    return t.BartConfig(**SPECIAL_IDS, **heads, **layers, decoder_start_token_id=2, bos_token_id=1, forced_eos_token_id=None, **more)


CASES = {
    "bert masked_lm": (t.BertForMaskedLM, bert, "masked_lm"),
    "bert classification": (t.BertForSequenceClassification, bert, "classification"),
    "bert embedding": (t.BertModel, bert, "embedding"),
    "gpt2 next_token": (t.GPT2LMHeadModel, gpt2, "next_token"),
    "gpt2 generation": (t.GPT2LMHeadModel, gpt2, "generation"),
    "t5 span_infilling": (t.T5ForConditionalGeneration, t5, "span_infilling"),
    "t5 generation": (t.T5ForConditionalGeneration, t5, "generation"),
    "t5 classification": (t.T5ForSequenceClassification, t5, "classification"),
    "t5 label words": (t.T5ForConditionalGeneration, t5, "classification"),
    "t5 embedding": (t.T5Model, t5, "embedding"),
    "bart generation": (t.BartForConditionalGeneration, bart, "generation"),
    "bart classification": (t.BartForSequenceClassification, bart, "classification"),
}


class Case:
    """A tiny model, its explainer, a text of its task and, on demand, transformers' own attention for an encoding."""

    def __init__(self, name: str) -> None:
        kind, config, self.task = CASES[name]
        torch.manual_seed(0)
        self.model = kind(config()).eval()
        for parameter_name, parameter in self.model.named_parameters():
            if kind.__name__.startswith("T5") and parameter_name.endswith(("q.weight", "k.weight")):
                parameter.data *= 2.0
        labels = ("negative", "positive") if "label words" in name else ()
        self.explainer = TokenExplainer(
            self.model,
            tokenizer(classifier="bert" in name or "class" in name),
            task=self.task,
            labels=labels,
            prefix="" if labels else None,
        )
        self.text = {"masked_lm": TEXT.replace("good", "[MASK]"), "span_infilling": TEXT.replace("good", "___")}.get(self.task, TEXT)

    def questions(self):
        """One question per output token of a sequence task, else one."""
        return self.explainer.ask(self.text).questions

    def eager(self, encoding):
        """Group -> [layers, heads, queries, keys] by `output_attentions` of an untouched copy."""
        copy = type(self.model)(deepcopy(self.model.config))
        copy.load_state_dict(self.model.state_dict())
        copy.eval().set_attn_implementation("eager")
        inputs = {name: encoding.inputs[name] for name in ("input_ids", "attention_mask", "decoder_input_ids") if name in encoding.inputs}
        if not self.model.config.is_encoder_decoder or self.task == "embedding":
            trunk = copy.get_encoder() if self.model.config.is_encoder_decoder else copy
            name = "encoder" if self.model.config.is_encoder_decoder else "self"
            with torch.no_grad():
                return {name: _stack(trunk(**inputs, output_attentions=True).attentions)}
        if not encoding.has_prefix and not encoding.mirrored:
            inputs["decoder_input_ids"] = torch.tensor([[self.model.config.decoder_start_token_id]])
        with torch.no_grad():
            out = copy(**inputs, output_attentions=True)
        found = {"encoder": out.encoder_attentions, "decoder": out.decoder_attentions, "cross": out.cross_attentions}
        return {name: _stack(layers) for name, layers in found.items()}


def _stack(layers):
    return torch.stack(layers)[:, 0].double().numpy()


@pytest.fixture(scope="module", params=list(CASES))
def case(request):
    made = Case(request.param)
    yield made
    made.explainer.close()


@pytest.fixture
def tiny_tokenizer():
    return tokenizer(classifier=True)
