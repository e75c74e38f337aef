"""Train gpt2-mini: GPT-2, 6 layers that start from bert-mini's, 8,000 byte-level pieces, language modelling and sentiment heads.

python explain/models/bundled/gpt2-mini/train.py --data DATA --work WORK --output explain/models/bundled/gpt2-mini

The vocabulary is the one in OUTPUT if there is one, else it is made from the data.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from tokenizers import ByteLevelBPETokenizer
from torch.nn.functional import cross_entropy
from transformers import AutoTokenizer, BertModel, GPT2Config, GPT2ForSequenceClassification, GPT2LMHeadModel, GPT2TokenizerFast

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
from transfer import embeddings, pre_norm

END = "<|endoftext|>"
PAD = "<|pad|>"
SENTIMENT_EVERY = 4


def train_tokenizer(texts: list[str]) -> GPT2TokenizerFast:
    pieces = ByteLevelBPETokenizer()
    pieces.train_from_iterator(texts, vocab_size=8_000, special_tokens=[END, PAD], show_progress=False)
    return GPT2TokenizerFast(
        tokenizer_object=pieces._tokenizer, bos_token=END, eos_token=END, unk_token=END, pad_token=PAD, model_max_length=256
    )


def configuration(tokenizer: GPT2TokenizerFast) -> GPT2Config:
    return GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=256,
        n_embd=384,
        n_layer=6,
        n_head=12,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        id2label=dict(enumerate(LABELS)),
        label2id={name: i for i, name in enumerate(LABELS)},
        architectures=["GPT2LMHeadModel", "GPT2ForSequenceClassification"],
    )


@torch.no_grad()
def start_from(model: GPT2LMHeadModel, tokenizer: GPT2TokenizerFast, folder: Path, texts: list[str]) -> None:
    """Let embeddings, positions and layers begin as BERT's; attention now looks back only, and the end of text stands for [CLS]."""
    bert = BertModel.from_pretrained(folder, dtype=torch.float32)
    words = AutoTokenizer.from_pretrained(folder)
    layers = pre_norm(bert, encode_all(words, texts, max_length=64), words.pad_token_id)
    table, own = bert.embeddings, model.transformer
    generator = torch.Generator().manual_seed(0)
    pieces = embeddings(tokenizer.convert_ids_to_tokens(list(range(len(tokenizer)))), bert, words, space="Ġ")
    pieces[tokenizer.eos_token_id] = table.word_embeddings.weight[words.cls_token_id]
    noise = torch.randn(pieces.shape, generator=generator) * 0.05
    own.wte.weight.copy_((pieces + table.token_type_embeddings.weight[0]) * layers.start + noise)
    own.wpe.weight.copy_(table.position_embeddings.weight[: len(own.wpe.weight)] * layers.start)
    for block, layer in zip(own.h, layers.layers, strict=True):
        parts = (layer.query, layer.key, layer.value)
        block.attn.c_attn.weight.copy_(torch.cat([part.weight for part in parts]).T)
        block.attn.c_attn.bias.copy_(torch.cat([part.bias for part in parts]))
        for conv, given in ((block.attn.c_proj, layer.attended), (block.mlp.c_fc, layer.inner), (block.mlp.c_proj, layer.outer)):
            conv.weight.copy_(given.weight.T)
            conv.bias.copy_(given.bias)
    own.ln_f.weight.fill_(0.05)


def main() -> None:
    options = arguments(__doc__ or "", steps=9_000, rate=4e-3, start=Path(__file__).parents[1] / "bert-mini")
    sentences, labels = read_sst2(options.data / "sst2_train.tsv")
    corpus = read_corpus(options.data / "corpus.txt.gz")[HELD_OUT:]
    sst2_texts, sst2_labels = with_natural(sentences, labels)

    vocabulary = options.output / "tokenizer.json"
    tokenizer = AutoTokenizer.from_pretrained(options.output) if vocabulary.exists() else train_tokenizer(corpus + sst2_texts)
    config = configuration(tokenizer)
    language_model, classifier = GPT2LMHeadModel(config), GPT2ForSequenceClassification(config)
    start_from(language_model, tokenizer, options.start, corpus[:300])
    classifier.transformer = language_model.transformer
    end, padding = tokenizer.eos_token_id, tokenizer.pad_token_id

    def with_end(ids: list[list[int]]) -> list[list[int]]:
        return [[end, *sequence, end] for sequence in ids]

    text_ids = with_end(encode_all(tokenizer, corpus, max_length=62, keep=options.work / "corpus.pt"))
    sst2_ids = encode_all(tokenizer, sst2_texts, max_length=64, keep=options.work / "sst2.pt")
    text_batches = Batches([len(i) for i in text_ids], 48, seed=options.seed)
    sst2_batches = Batches([len(i) for i in sst2_ids], 64, seed=options.seed + 1)

    def next_token_loss(ids: list[list[int]], begun: bool) -> torch.Tensor:
        batch = pad(ids, padding)[:, 0 if begun else 1 :]
        kept = batch[:, 1:] != padding
        hidden = language_model.transformer(batch[:, :-1], attention_mask=(batch[:, :-1] != padding).long()).last_hidden_state
        logits = language_model.lm_head(hidden[kept]).float()
        return cross_entropy(logits, batch[:, 1:][kept])

    def loss(step: int) -> torch.Tensor:
        value = next_token_loss([text_ids[i] for i in text_batches(step)], begun=step % 2 == 0)
        if step % SENTIMENT_EVERY:
            return value
        index = sst2_batches(step // SENTIMENT_EVERY)
        ids = pad([sst2_ids[i] for i in index], padding)
        logits = classifier(input_ids=ids, attention_mask=(ids != padding).long()).logits
        return value + cross_entropy(logits.float(), torch.tensor([sst2_labels[i] for i in index]))

    def checkpoint() -> Measures:
        state = {**language_model.state_dict(), **classifier.state_dict()}
        state.pop("lm_head.weight")
        save(options.output, state, config, tokenizer)
        return measure(options.output, options.data)

    schedule = Schedule(options.steps, learning_rate=options.rate, warmup=50)
    optimise([language_model, classifier], loss, schedule, options, checkpoint=checkpoint, factors=proportional(language_model))


if __name__ == "__main__":
    main()
