"""Train t5-mini from scratch: T5, 4 + 3 layers of width 256, 8,000 Unigram pieces, span filling and sentiment as text.

python explain/models/bundled/t5-mini/train.py --data DATA --output explain/models/bundled/t5-mini
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch.nn.functional import cross_entropy
from transformers import GenerationConfig, PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

sys.path.insert(0, str(Path(__file__).parents[1]))
from evaluate import measure
from training import HELD_OUT, LABELS, arguments, encode_all, endless_batches, optimise, pad, read_corpus, read_sst2, save, with_natural

PAD, END, UNKNOWN = "<pad>", "</s>", "<unk>"
SENTINELS = [f"<extra_id_{i}>" for i in range(100)]
VOCABULARY = 8_000
PREFIX = "sst2 sentence: "


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


class Blanks:
    """Spans of sequences replaced by sentinels: one run of 1 to 3 words (often), or several spans of 1 to 5 tokens (15 to 20 %)."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
        names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
        self.begins = np.array([name.startswith("▁") or not name[0].isalnum() for name in names])
        self.sentinels = tokenizer.convert_tokens_to_ids(SENTINELS)
        self.end = tokenizer.eos_token_id
        self.generator = np.random.default_rng(seed)

    def spans(self, ids: np.ndarray) -> list[tuple[int, int]]:
        """Non-overlapping (start, end) in order; every span starts at the start of a word."""
        starts = np.flatnonzero(self.begins[ids])
        if not len(starts):
            return [(0, len(ids))]
        limits = np.append(starts[1:], len(ids))
        if self.generator.random() < 0.65:
            first = int(self.generator.integers(len(starts)))
            last = min(first + int(self.generator.choice(3, p=(0.6, 0.25, 0.15))), len(starts) - 1)
            return [(int(starts[first]), int(limits[last]))]
        wanted = max(1, round(len(ids) * self.generator.uniform(0.15, 0.2)))
        chosen: list[tuple[int, int]] = []
        taken = np.zeros(len(ids) + 1, bool)
        for start in self.generator.permutation(starts):
            end = min(int(start) + int(self.generator.integers(1, 6)), len(ids))
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


def proportional(model: T5ForConditionalGeneration) -> dict[torch.nn.Parameter, float]:
    """Learning-rate factors in proportion to each weight's first size, as Adafactor has them.

    T5's embeddings start large and its queries very small (attention logits are not divided by the square root of the width):
    one rate for all makes attention collapse.
    """
    return {parameter: float(parameter.detach().square().mean().sqrt()) for parameter in model.parameters()}


def main() -> None:
    options = arguments(__doc__ or "", steps=9_000)
    sentences, labels = read_sst2(options.data / "sst2_train.tsv")
    corpus = read_corpus(options.data / "corpus.txt.gz")[HELD_OUT:]
    sst2_texts, sst2_labels = with_natural(sentences, labels)

    tokenizer = train_tokenizer(corpus[::2] + sst2_texts + [PREFIX + label for label in LABELS for _ in range(500)])
    end, padding = tokenizer.eos_token_id, tokenizer.pad_token_id
    targets = encode_all(tokenizer, LABELS, max_length=8)
    assert all(len(target) == 2 and target[1] == end for target in targets), "each label must be one piece"
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=256,
        d_ff=640,
        d_kv=64,
        num_heads=4,
        num_layers=4,
        num_decoder_layers=3,
        dropout_rate=0.0,
        pad_token_id=padding,
        eos_token_id=end,
        decoder_start_token_id=padding,
        architectures=["T5ForConditionalGeneration"],
        id2label=dict(enumerate(LABELS)),
        label2id={name: i for i, name in enumerate(LABELS)},
        task_specific_params={"classification": {"prefix": PREFIX}},
    )
    model = T5ForConditionalGeneration(config)
    factors = proportional(model)
    model.train()

    text_ids = [ids for ids in encode_all(tokenizer, corpus, max_length=64) if len(ids) > 4]
    sst2_ids = encode_all(tokenizer, [PREFIX + text for text in sst2_texts], max_length=72)
    text_batches = endless_batches([len(i) for i in text_ids], 48, seed=options.seed)
    sst2_batches = endless_batches([len(i) for i in sst2_ids], 64, seed=options.seed + 1)
    blanks = Blanks(tokenizer, options.seed)

    def text_loss(sources: list[list[int]], outputs: list[list[int]]) -> torch.Tensor:
        ids, wanted = pad(sources, padding), pad(outputs, padding)
        kept = wanted != padding
        read = pad([[padding, *output[:-1]] for output in outputs], padding)
        mask = (ids != padding).long()
        hidden = model.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        decoded = model.decoder(input_ids=read, encoder_hidden_states=hidden, encoder_attention_mask=mask, use_cache=False)
        logits = model.lm_head(decoded.last_hidden_state[kept] * config.d_model**-0.5)
        return cross_entropy(logits.float(), wanted[kept])

    def loss(step: int) -> torch.Tensor:
        cases = [blanks(text_ids[i]) for i in next(text_batches)]
        value = text_loss([source for source, _ in cases], [target for _, target in cases])
        if step % 2:
            return value
        index = next(sst2_batches)
        return value + text_loss([sst2_ids[i] for i in index], [targets[sst2_labels[i]] for i in index])

    def checkpoint(step: int) -> None:
        state = model.state_dict()
        for copy in ("lm_head.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"):
            state.pop(copy)
        save(options.output, state, config, tokenizer)
        GenerationConfig(
            decoder_start_token_id=padding, pad_token_id=padding, eos_token_id=end, max_new_tokens=20, do_sample=False
        ).save_pretrained(options.output)
        print(f"step {step}  {measure(options.output, options.data)}", flush=True)

    optimise([model], loss, steps=options.steps, learning_rate=1e-2, warmup=150, every=500, checkpoint=checkpoint, factors=factors)


if __name__ == "__main__":
    main()
