"""Train t5-mini: T5, 6 + 3 layers that start from bert-mini, 8,000 Unigram pieces, span filling and sentiment as text.

python explain/models/bundled/t5-mini/train.py --data DATA --work WORK --output explain/models/bundled/t5-mini

The vocabulary is the one in OUTPUT if there is one, else it is made from the data.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch.nn.functional import cosine_similarity, cross_entropy
from transformers import (
    AutoTokenizer,
    BertForMaskedLM,
    BertModel,
    DataCollatorForLanguageModeling,
    GenerationConfig,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

sys.path.insert(0, str(Path(__file__).parents[1]))
from evaluate import Measures, measure
from training import (
    HELD_OUT,
    LABELS,
    Batches,
    Schedule,
    arguments,
    encode_all,
    optimise,
    pad,
    proportional,
    read_corpus,
    read_sst2,
    save,
    with_natural,
)
from transfer import (  # type: ignore[import-not-found]
    Affine,
    PreNorm,
    aligned,
    distance_bias,
    embeddings,
    mean_position,
    pre_norm,
)

PAD, END, UNKNOWN = "<pad>", "</s>", "<unk>"
SENTINELS = [f"<extra_id_{i}>" for i in range(100)]
VOCABULARY = 8_000
PREFIX = "sst2 sentence: "
SENTIMENT_EVERY = 4
SINGLE = 0.3  # share of the sentences with one blank
TAUGHT = 0.4  # share of the steps in which BERT teaches the encoder


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


class Blanks:
    """Spans of sequences replaced by sentinels: one run of 1 to 3 words, or several such runs (15 to 20 %)."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
        self.begins = word_starts(names)
        self.sentinels = tokenizer.convert_tokens_to_ids(SENTINELS)
        self.end = tokenizer.eos_token_id
        self.generator = np.random.default_rng()

    def spans(self, ids: np.ndarray) -> list[tuple[int, int]]:
        """Non-overlapping (start, end) in order; every span starts at the start of a word."""
        starts = np.flatnonzero(self.begins[ids])
        if not len(starts):
            return [(0, len(ids))]
        limits = np.append(starts[1:], len(ids))
        if self.generator.random() < SINGLE:
            first = int(self.generator.integers(len(starts)))
            last = min(first + int(self.generator.choice(3, p=(0.6, 0.25, 0.15))), len(starts) - 1)
            return [(int(starts[first]), int(limits[last]))]
        wanted = max(1, round(len(ids) * self.generator.uniform(0.15, 0.2)))
        chosen: list[tuple[int, int]] = []
        taken = np.zeros(len(ids) + 1, bool)
        for index in self.generator.permutation(len(starts)):
            start = starts[index]
            end = int(limits[min(index + int(self.generator.choice(3, p=(0.7, 0.2, 0.1))), len(starts) - 1)])
            if not taken[max(start - 1, 0) : end + 1].any():
                taken[start:end] = True
                chosen.append((int(start), end))
            if taken.sum() >= wanted:
                break
        return sorted(chosen)

    def __call__(self, ids: list[int]) -> tuple[list[int], list[int]]:
        """The sequence with blanks and the target, both ended, from a sequence with its end."""
        body = ids[:-1]
        source: list[int] = []
        target: list[int] = []
        reached = 0
        for sentinel, (start, end) in zip(self.sentinels, self.spans(np.asarray(body)), strict=False):
            source += [*body[reached:start], sentinel]
            target += [sentinel, *body[start:end]]
            reached = end
        return [*source, *body[reached:], self.end], [*target, self.end]


WIDTH, HEADS, HEAD_WIDTH, INNER = 400, 12, 32, 1_552
COPIED, ONE, FREQUENCY, CODES = slice(0, 384), 384, 385, slice(386, 400)
LAYERS, DECODER_LAYERS = 6, 3
ON = 3.0  # what hidden units that stand for a bias read; gelu(3) is 3 to 4 parts in a thousand


def configuration(tokenizer: PreTrainedTokenizerFast) -> T5Config:
    return T5Config(
        vocab_size=len(tokenizer),
        d_model=WIDTH,
        d_ff=INNER,
        d_kv=HEAD_WIDTH,
        num_heads=HEADS,
        num_layers=LAYERS,
        num_decoder_layers=DECODER_LAYERS,
        feed_forward_proj="gelu",
        dropout_rate=0.0,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
        architectures=["T5ForConditionalGeneration"],
        id2label=dict(enumerate(LABELS)),
        label2id={name: i for i, name in enumerate(LABELS)},
        task_specific_params={"classification": {"prefix": PREFIX}},
    )


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


class Teacher:
    """BERT, whose output after each layer the encoder learns to repeat at the first piece of every word and at every blank."""

    def __init__(self, encoder: BertModel, words: PreTrainedTokenizerBase, tokenizer: PreTrainedTokenizerFast, layers: PreNorm) -> None:
        self.encoder = encoder.eval().requires_grad_(False)
        self.words = words
        self.layers = layers
        self.names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
        self.begins = word_starts(self.names)
        self.sentinels = frozenset(tokenizer.convert_tokens_to_ids(SENTINELS))
        self.pieces = lru_cache(maxsize=100_000)(self._pieces)

    def _pieces(self, ids: tuple[int, ...]) -> list[int]:
        if ids[0] in self.sentinels:
            return [int(self.words.mask_token_id)]
        text = "".join(self.names[i] for i in ids).replace("▁", "")
        found: list[int] = self.words(text, add_special_tokens=False)["input_ids"]
        return found or [int(self.words.unk_token_id)]

    def read(self, source: list[int]) -> tuple[list[int], list[tuple[int, int]]]:
        """What BERT reads in place of a sequence with its end, and (place in the sequence, place in BERT's)."""
        starts = [i for i, token in enumerate(source[:-1]) if i == 0 or self.begins[token] or source[i - 1] in self.sentinels]
        ids, places = [int(self.words.cls_token_id)], []
        for start, end in zip(starts, [*starts[1:], len(source) - 1], strict=True):
            places.append((start, len(ids)))
            ids += self.pieces(tuple(source[start:end]))
        return [*ids, int(self.words.sep_token_id)], places

    def loss(self, sources: list[list[int]], hidden: Sequence[torch.Tensor]) -> torch.Tensor:
        """One minus the cosine of the encoder's and BERT's output, over words and layers; `hidden`: the sums, the last one normed."""
        cases = [self.read(source) for source in sources]
        padding = int(self.words.pad_token_id)
        ids = pad([ids for ids, _ in cases], padding)
        with torch.no_grad():
            taught = self.encoder(ids, ids != padding, output_hidden_states=True).hidden_states
        rows = torch.tensor([row for row, (_, places) in enumerate(cases) for _ in places])
        own, theirs = torch.tensor([place for _, places in cases for place in places]).T
        value = torch.zeros(())
        for number, (mine, goal) in enumerate(zip(hidden[1:], taught[1:], strict=True)):
            said = mine[rows, own, COPIED]
            if number < LAYERS - 1:
                said = said / said.square().mean(-1, keepdim=True).sqrt() * self.layers.gains[number]
            value = value + 1 - cosine_similarity(said + self.layers.shifts[number], goal[rows, theirs], dim=-1).mean()
        return value / LAYERS


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


def main() -> None:
    options = arguments(__doc__ or "", steps=4_000, rate=3e-3, start=Path(__file__).parents[1] / "bert-mini")
    sentences, labels = read_sst2(options.data / "sst2_train.tsv")
    corpus = read_corpus(options.data / "corpus.txt.gz")[HELD_OUT:]
    sst2_texts, sst2_labels = with_natural(sentences, labels)

    vocabulary = options.output / "tokenizer.json"
    if vocabulary.exists():
        tokenizer = AutoTokenizer.from_pretrained(options.output)
    else:
        tokenizer = train_tokenizer(corpus[::2] + sst2_texts + [PREFIX + label for label in LABELS for _ in range(500)])
    end, padding = tokenizer.eos_token_id, tokenizer.pad_token_id
    targets = encode_all(tokenizer, LABELS, max_length=8)
    assert all(len(target) == 2 and target[1] == end for target in targets), "each label must be one piece"
    config = configuration(tokenizer)
    model = T5ForConditionalGeneration(config)
    teacher = start_from(model, tokenizer, options.start, corpus[:20_000])
    factors = proportional(model)

    text_ids = [ids for ids in encode_all(tokenizer, corpus, max_length=64, keep=options.work / "corpus.pt") if len(ids) > 4]
    sst2_ids = encode_all(tokenizer, [PREFIX + text for text in sst2_texts], max_length=72, keep=options.work / "sst2.pt")
    text_batches = Batches([len(i) for i in text_ids], 48, seed=options.seed)
    sst2_batches = Batches([len(i) for i in sst2_ids], 64, seed=options.seed + 1)
    blanks = Blanks(tokenizer)

    def text_loss(sources: list[list[int]], outputs: list[list[int]], taught: float = 0.0) -> torch.Tensor:
        ids, wanted = pad(sources, padding), pad(outputs, padding)
        kept = wanted != padding
        read = pad([[padding, *output[:-1]] for output in outputs], padding)
        mask = (ids != padding).long()
        encoded = model.encoder(input_ids=ids, attention_mask=mask, output_hidden_states=taught > 0)
        hidden = encoded.last_hidden_state
        decoded = model.decoder(input_ids=read, encoder_hidden_states=hidden, encoder_attention_mask=mask, use_cache=False)
        logits = model.lm_head(decoded.last_hidden_state[kept] * config.d_model**-0.5)
        value = cross_entropy(logits.float(), wanted[kept])
        return value + taught * teacher.loss(sources, encoded.hidden_states) if taught else value

    def loss(step: int) -> torch.Tensor:
        blanks.generator = np.random.default_rng((options.seed, step))
        cases = [blanks(text_ids[i]) for i in text_batches(step)]
        taught = max(0.0, 4 * (1 - step / (TAUGHT * options.steps)))
        value = text_loss([source for source, _ in cases], [target for _, target in cases], taught)
        if step % SENTIMENT_EVERY:
            return value
        index = sst2_batches(step // SENTIMENT_EVERY)
        return value + text_loss([sst2_ids[i] for i in index], [targets[sst2_labels[i]] for i in index])

    def checkpoint() -> Measures:
        state = model.state_dict()
        for copy in ("lm_head.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"):
            state.pop(copy)
        save(options.output, state, config, tokenizer)
        GenerationConfig(
            decoder_start_token_id=padding, pad_token_id=padding, eos_token_id=end, max_new_tokens=20, do_sample=False
        ).save_pretrained(options.output)
        return measure(options.output, options.data)

    schedule = Schedule(options.steps, learning_rate=options.rate, warmup=100)
    optimise([model], loss, schedule, options, checkpoint=checkpoint, factors=factors)


if __name__ == "__main__":
    main()
