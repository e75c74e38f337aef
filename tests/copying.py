"""Decoders that answer by copying: after a word they say what follows this word elsewhere in the text; one set by hand, one trained."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
import transformers as t
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, pre_tokenizers
from zoo import Tiny

KEYS = [f"K{number}" for number in range(10)]
NAMES = [f"A{number}" for number in range(10)]
ENDS = [f"B{number}." for number in range(10)]
PIECES = ["<pad>", "<s>", "</s>", "<unk>", "<doc>", "</doc>", "<q>", "to", *KEYS, *NAMES, *ENDS]
PLACES = 64
LEARNED = Path(__file__).parent / "weights" / "copying.safetensors"
TEMPLATE = (
    "{% for d in documents or [] %}{{ '<doc> ' + d['text'] + ' </doc> ' }}{% endfor %}"
    "{% for m in messages %}{{ '<q> ' + m['content'] }}{% endfor %}"
)


def words() -> t.PreTrainedTokenizerFast:
    """One token a word."""
    raw = Tokenizer(models.WordLevel({piece: i for i, piece in enumerate(PIECES)}, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made = t.PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    made.chat_template = TEMPLATE
    return made


@torch.no_grad()
def copying() -> Tiny:
    """The first layer hands every word to the next; the second finds the place before which the present word stood, and copies it."""
    size = len(PIECES)
    width = 3 * size + PLACES
    token, before, said = (slice(n * size, (n + 1) * size) for n in range(3))
    place = slice(3 * size, width)
    config = t.GPT2Config(
        vocab_size=size,
        n_positions=PLACES,
        n_embd=width,
        n_layer=2,
        n_head=1,
        n_inner=4,
        tie_word_embeddings=False,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    model = t.GPT2LMHeadModel(config).eval()
    for name, parameter in model.named_parameters():
        parameter.fill_(1.0 if "ln_" in name and name.endswith("weight") else 0.0)
    trunk, same = model.transformer, torch.eye(size)
    trunk.wte.weight[:, token] = same
    trunk.wpe.weight[:, place] = torch.eye(PLACES)
    sharp, steps = 30 * width**0.5, torch.eye(PLACES)

    def attention(layer: int, hot: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Queries, keys, values and what comes out, of a layer whose norm makes a one `hot`."""
        block = trunk.h[layer].attn
        query, key, value = block.c_attn.weight.view(width, 3, width).unbind(1)
        block.c_proj.weight.copy_(torch.eye(width))
        return query, key, value, torch.tensor(hot)

    query, key, value, hot = attention(0, (width / 2) ** 0.5)
    query[place, :PLACES] = steps * sharp / hot**2
    key[place, :PLACES] = torch.roll(steps, 1, dims=1)  # the place before calls
    value[token, before] = same / hot
    query, key, value, hot = attention(1, (width / 3) ** 0.5)
    query[token, :size] = same * sharp / hot**2 / 3
    key[before, :size] = same
    value[token, said] = same / hot
    model.lm_head.weight[:, said] = same * 6 / (width / 4) ** 0.5
    return Tiny("gpt2-generation", model, deepcopy(model), words(), "generation")


def blank() -> t.LlamaForCausalLM:
    """A small decoder that has learned nothing yet."""
    config = t.LlamaConfig(
        vocab_size=len(PIECES),
        max_position_embeddings=2 * PLACES,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        initializer_range=0.1,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    return t.LlamaForCausalLM(config)


def learned() -> Tiny:
    """What `train_copying.py` made of it."""
    model = blank().eval()
    model.load_state_dict(load_file(LEARNED))
    return Tiny("llama-generation", model, deepcopy(model), words(), "generation")


def prompt(seed: int, documents: int = 10) -> tuple[list[dict[str, str]], list[dict[str, str]], str, int]:
    """Messages, documents, the answer, and the number of the document that it is copied from."""
    generator = np.random.default_rng(seed)
    keys, names, ends = (generator.permutation(part)[:documents] for part in (KEYS, NAMES, ENDS))
    texts = [{"text": f"{key} {name} {end}"} for key, name, end in zip(keys, names, ends, strict=True)]
    chosen = int(generator.integers(documents))
    return [{"role": "user", "content": f"to {keys[chosen]}"}], texts, f"{names[chosen]} {ends[chosen]}", chosen
