"""Train t5-mini: T5, 6 + 3 layers that start from bert-mini, 8,000 Unigram pieces, span filling and sentiment as text.

python explain/models/bundled/t5-mini/train.py --data DATA --work WORK --output explain/models/bundled/t5-mini

The vocabulary is the one in OUTPUT if there is one, else it is made from the data.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from blanks import Blanks
from pieces import train_tokenizer
from start import HEAD_WIDTH, HEADS, INNER, WIDTH, start_from
from teacher import LAYERS
from torch.nn.functional import cross_entropy
from transformers import AutoTokenizer, GenerationConfig, PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

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

DECODER_LAYERS = 3
PREFIX = "sst2 sentence: "
SENTIMENT_EVERY = 4
TAUGHT = 0.4  # share of the steps in which BERT teaches the encoder


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
