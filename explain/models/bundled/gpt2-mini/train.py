"""Train gpt2-mini from scratch: GPT-2, 4 layers of width 256, 8,000 byte-level pieces, language modelling and sentiment heads.

python explain/models/bundled/gpt2-mini/train.py --data DATA --output explain/models/bundled/gpt2-mini
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from tokenizers import ByteLevelBPETokenizer
from torch.nn.functional import cross_entropy
from transformers import GPT2Config, GPT2ForSequenceClassification, GPT2LMHeadModel, GPT2TokenizerFast

sys.path.insert(0, str(Path(__file__).parents[1]))
from evaluate import measure
from training import HELD_OUT, LABELS, arguments, encode_all, endless_batches, optimise, pad, read_corpus, read_sst2, save, with_natural

END = "<|endoftext|>"
PAD = "<|pad|>"


def main() -> None:
    options = arguments(__doc__ or "", steps=9_000)
    sentences, labels = read_sst2(options.data / "sst2_train.tsv")
    corpus = read_corpus(options.data / "corpus.txt.gz")[HELD_OUT:]
    sst2_texts, sst2_labels = with_natural(sentences, labels)

    pieces = ByteLevelBPETokenizer()
    pieces.train_from_iterator(corpus + sst2_texts, vocab_size=8_000, special_tokens=[END, PAD], show_progress=False)
    tokenizer = GPT2TokenizerFast(
        tokenizer_object=pieces._tokenizer, bos_token=END, eos_token=END, unk_token=END, pad_token=PAD, model_max_length=256
    )
    end, padding = tokenizer.eos_token_id, tokenizer.pad_token_id
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=256,
        n_embd=256,
        n_layer=4,
        n_head=4,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=padding,
        id2label=dict(enumerate(LABELS)),
        label2id={name: i for i, name in enumerate(LABELS)},
        architectures=["GPT2LMHeadModel", "GPT2ForSequenceClassification"],
    )
    language_model = GPT2LMHeadModel(config)
    classifier = GPT2ForSequenceClassification(config)
    classifier.transformer = language_model.transformer
    language_model.train()
    classifier.train()

    def with_end(ids: list[list[int]]) -> list[list[int]]:
        return [[end, *sequence, end] for sequence in ids]

    text_ids = with_end(encode_all(tokenizer, corpus, max_length=62))
    sst2_ids = encode_all(tokenizer, sst2_texts, max_length=64)
    text_batches = endless_batches([len(i) for i in text_ids], 48, seed=options.seed)
    sst2_batches = endless_batches([len(i) for i in sst2_ids], 64, seed=options.seed + 1)

    def next_token_loss(ids: list[list[int]]) -> torch.Tensor:
        batch = pad(ids, padding)
        kept = batch[:, 1:] != padding
        hidden = language_model.transformer(batch[:, :-1], attention_mask=(batch[:, :-1] != padding).long()).last_hidden_state
        logits = language_model.lm_head(hidden[kept]).float()
        return cross_entropy(logits, batch[:, 1:][kept])

    def loss(step: int) -> torch.Tensor:
        value = next_token_loss([text_ids[i] for i in next(text_batches)])
        if step % 2:
            return value
        index = next(sst2_batches)
        ids = pad([sst2_ids[i] for i in index], padding)
        logits = classifier(input_ids=ids, attention_mask=(ids != padding).long()).logits
        return value + cross_entropy(logits.float(), torch.tensor([sst2_labels[i] for i in index]))

    def checkpoint(step: int) -> None:
        state = {**language_model.state_dict(), **classifier.state_dict()}
        state.pop("lm_head.weight")
        save(options.output, state, config, tokenizer)
        print(f"step {step}  {measure(options.output, options.data)}", flush=True)

    optimise([language_model, classifier], loss, steps=options.steps, learning_rate=1.5e-3, warmup=300, every=500, checkpoint=checkpoint)


if __name__ == "__main__":
    main()
