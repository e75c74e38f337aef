"""How t5-mini begins: as BERT's encoder and masked-LM head, with a decoder that hands on what stands at a blank."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from pieces import SENTINELS
from teacher import COPIED, Teacher
from transformers import (
    AutoTokenizer,
    BertForMaskedLM,
    DataCollatorForLanguageModeling,
    PreTrainedTokenizerFast,
    T5ForConditionalGeneration,
)

sys.path.insert(0, str(Path(__file__).parents[1]))
from training import encode_all
from transfer import Affine, aligned, distance_bias, embeddings, mean_position, pre_norm

WIDTH, HEADS, HEAD_WIDTH, INNER = 400, 12, 32, 1_552
ONE, FREQUENCY, CODES = 384, 385, slice(386, 400)
ON = 3.0  # what hidden units that stand for a bias read; gelu(3) is 3 to 4 parts in a thousand


@torch.no_grad()
def start_from(model: T5ForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, folder: Path, texts: list[str]) -> Teacher:
    """Let encoder, embeddings and the decoder's last feed-forward begin as BERT's encoder, embeddings and masked-LM head.

    T5 has no biases: one channel of the embeddings is 1 for every piece, and each layer reads its biases from there. It has no position
    embeddings: what these add to the attention scores by distance becomes its relative bias. The decoder's first cross-attention finds
    the sentinel by a code in a few channels and hands on what the encoder says there.
    """
    bert = BertForMaskedLM.from_pretrained(folder, dtype=torch.float32)
    words = AutoTokenizer.from_pretrained(folder)
    generator = torch.Generator().manual_seed(0)
    collate = DataCollatorForLanguageModeling(words, mlm_probability=0.1, mask_replace_prob=1.0, random_replace_prob=0.0, seed=0)
    sample = [collate([{"input_ids": ids}])["input_ids"][0].tolist() for ids in encode_all(words, texts[:300], max_length=64)]
    attention = model.encoder.block[0].layer[0].SelfAttention
    biases = distance_bias(bert.bert, sample, words.pad_token_id, attention._relative_position_bucket, 32)
    heads, places = aligned(biases)
    layers = pre_norm(bert.bert, sample, words.pad_token_id, heads)

    table = bert.bert.embeddings
    names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1 and name.startswith(("shared", "encoder")) and "relative" not in name:
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.02)
    shared = model.shared.weight
    shared[:, COPIED] = embeddings(names, bert.bert, words, space="▁")
    sentinels = tokenizer.convert_tokens_to_ids(SENTINELS)
    shared[sentinels, COPIED] = table.word_embeddings.weight[words.mask_token_id]
    shared[:, COPIED] += mean_position(bert.bert)
    # BERT's heads rest on [CLS], which T5 lacks: its end does instead.
    shared[tokenizer.eos_token_id, COPIED] = table.word_embeddings.weight[words.cls_token_id] + table.position_embeddings.weight[0]
    shared[:, COPIED] = (shared[:, COPIED] + table.token_type_embeddings.weight[0]) * layers.start
    shared[:, COPIED] += torch.randn(len(names), 384, generator=generator) * 0.05
    shared[:, ONE] = 1.0
    shared[:, CODES] *= 0.5
    codes = torch.randn(100, 14, generator=generator).sign()
    shared[sentinels, CODES] = codes
    counts = torch.bincount(
        torch.tensor([i for ids in encode_all(tokenizer, texts[:20_000], max_length=64) for i in ids]), minlength=len(names)
    )
    logarithm = (counts + 0.5).log()
    shared[:, FREQUENCY] = (logarithm - logarithm.mean()) / logarithm.std() * 0.3

    attention.relative_attention_bias.weight.copy_(places.T)
    for block, layer in zip(model.encoder.block, layers.layers, strict=True):
        own = block.layer[0].SelfAttention
        for part, given in ((own.q, scaled(layer.query)), (own.k, layer.key)):
            part.weight[:, COPIED], part.weight[:, ONE] = given.weight, given.bias
        constant = torch.linalg.lstsq(layer.attended.weight, layer.attended.bias[:, None]).solution[:, 0]
        own.v.weight[:, COPIED], own.v.weight[:, ONE] = layer.value.weight, layer.value.bias + constant
        own.o.weight.zero_()[COPIED] = layer.attended.weight
        dense = block.layer[1].DenseReluDense
        fed(dense, layer.inner, layer.outer)
        for number, size in enumerate(layer.sizes):
            norm_of(block.layer[number].layer_norm, size)
    norm_of(model.encoder.final_layer_norm, 1.0)
    model.encoder.final_layer_norm.weight[COPIED] = layers.gains[-1]

    for number, block in enumerate(model.decoder.block):
        cross = block.layer[1].EncDecAttention
        if number == 0:
            inner = torch.zeros(384, WIDTH)
            inner[:, COPIED] = torch.eye(384)
            cross.v.weight.copy_(inner)
            cross.o.weight.zero_()[COPIED] = torch.eye(384) * 3
            code = torch.zeros(HEAD_WIDTH, WIDTH)
            code[:14, CODES] = torch.eye(14)
            cross.q.weight += code.repeat(HEADS, 1) * 1.2
            cross.k.weight += code.repeat(HEADS, 1) * 1.2
    head = bert.cls.predictions.transform
    last = model.decoder.block[-1].layer[2]
    reached = 2.2  # the decoder's sum at a sentinel: three times the encoder's output, and the mask's embedding
    norm_of(last.layer_norm, reached)
    last.layer_norm.weight[COPIED] = reached / 3
    mask = shared[sentinels, COPIED].mean(0)
    centred = head.LayerNorm.weight[:, None] * (torch.eye(384) - 1 / 384)
    turned = Affine(head.dense.weight, head.dense.bias).after(torch.ones(384), layers.shifts[-1] - mask / 3)
    fed(last.DenseReluDense, turned, Affine(centred * 3, torch.zeros(384)), rows=384)
    through = torch.zeros(2 * 384, WIDTH)
    through[:, COPIED] = torch.cat([torch.eye(384), -torch.eye(384)])
    last.DenseReluDense.wi.weight[385 : 385 + 2 * 384] = through
    last.DenseReluDense.wo.weight[:, 385 : 385 + 2 * 384] = -3 * through.T  # gelu(x) - gelu(-x) is x: what was the sum is taken away
    norm_of(model.decoder.final_layer_norm, 1.0)
    size = float(head.LayerNorm.weight.square().mean().sqrt())
    model.decoder.final_layer_norm.weight[COPIED] = size * WIDTH**0.5 / layers.start
    return Teacher(bert.bert, words, tokenizer, layers)


def scaled(query: Affine) -> Affine:
    """T5 does not divide the scores by the square root of the head's width."""
    return Affine(query.weight * HEAD_WIDTH**-0.5, query.bias * HEAD_WIDTH**-0.5)


def fed(dense: Any, inner: Affine, outer: Affine, rows: int = 1_536) -> None:
    """A feed-forward with biases in one without, that reads a 1 in a channel."""
    dense.wi.weight[:rows, COPIED], dense.wi.weight[:rows, ONE] = inner.weight, inner.bias
    dense.wi.weight[rows] = 0.0
    dense.wi.weight[rows, ONE] = ON
    dense.wo.weight[:, :rows] = 0.0
    dense.wo.weight[COPIED, :rows], dense.wo.weight[COPIED, rows] = outer.weight, outer.bias / ON


def norm_of(norm: Any, size: float) -> None:
    """Let the constant channel be 1 after a norm that divides by `size`."""
    norm.weight.fill_(1.0)
    norm.weight[ONE] = size
