"""Train distilbert-mini: DistilBERT, three of the six layers of bert-mini, distilled from it as a masked LM and on sentiment.

python explain/models/bundled/distilbert-mini/train.py --data DATA --work WORK --output explain/models/bundled/distilbert-mini

With `--start explain/models/bundled/distilbert-mini` the checkpoint in that folder is trained further.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch.nn.functional import cosine_similarity, cross_entropy, kl_div, log_softmax
from transformers import (
    BertForMaskedLM,
    BertForSequenceClassification,
    DataCollatorForLanguageModeling,
    DistilBertConfig,
    DistilBertForMaskedLM,
    DistilBertForSequenceClassification,
    DistilBertTokenizerFast,
)

sys.path.insert(0, str(Path(__file__).parents[1]))
from evaluate import Measures, measure
from training import HELD_OUT, Batches, Schedule, arguments, encode_all, optimise, pad, read_corpus, read_sst2, save, with_natural

LAYERS = (0, 2, 4)
TEMPERATURE = 2.0
SENTIMENT_EVERY = 1
RENAMED = (
    ("attention.self.query", "attention.q_lin"),
    ("attention.self.key", "attention.k_lin"),
    ("attention.self.value", "attention.v_lin"),
    ("attention.output.dense", "attention.out_lin"),
    ("attention.output.LayerNorm", "sa_layer_norm"),
    ("intermediate.dense", "ffn.lin1"),
    ("output.dense", "ffn.lin2"),
    ("output.LayerNorm", "output_layer_norm"),
)


def copied(masked_lm: BertForMaskedLM, classifier: BertForSequenceClassification) -> dict[str, torch.Tensor]:
    """The student's first state: every other layer of the teacher, its embeddings (token type 0 folded in) and its heads."""
    embeddings = masked_lm.bert.embeddings
    positions = embeddings.position_embeddings.weight + embeddings.token_type_embeddings.weight[0]
    state = {
        "distilbert.embeddings.word_embeddings.weight": embeddings.word_embeddings.weight,
        "distilbert.embeddings.position_embeddings.weight": positions,
    }
    modules = {
        "distilbert.embeddings.LayerNorm": embeddings.LayerNorm,
        "vocab_transform": masked_lm.cls.predictions.transform.dense,
        "vocab_layer_norm": masked_lm.cls.predictions.transform.LayerNorm,
        "vocab_projector": masked_lm.cls.predictions.decoder,
        "pre_classifier": classifier.bert.pooler.dense,
        "classifier": classifier.classifier,
    }
    for number, index in enumerate(LAYERS):
        layer = masked_lm.bert.encoder.layer[index]
        modules |= {f"distilbert.transformer.layer.{number}.{new}": layer.get_submodule(old) for old, new in RENAMED}
    for name, module in modules.items():
        state |= {f"{name}.{key}": value for key, value in module.state_dict().items()}
    return {name: tensor.detach().clone() for name, tensor in state.items()}


def soft_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Kullback-Leibler divergence from the teacher's to the student's softened distribution."""
    soft, hard = (log_softmax(logits.float() / TEMPERATURE, -1) for logits in (student, teacher))
    return kl_div(soft, hard, reduction="batchmean", log_target=True) * TEMPERATURE**2


def main() -> None:
    options = arguments(__doc__ or "", steps=3_000, rate=5e-4, teacher=Path(__file__).parents[1] / "bert-mini")
    sentences, labels = read_sst2(options.data / "sst2_train.tsv")
    corpus = read_corpus(options.data / "corpus.txt.gz")[HELD_OUT:]
    sst2_texts, sst2_labels = with_natural(sentences, labels)

    tokenizer = DistilBertTokenizerFast.from_pretrained(options.teacher)
    padding = tokenizer.pad_token_id
    teacher_lm = BertForMaskedLM.from_pretrained(options.teacher, dtype=torch.float32).eval()
    teacher_classifier = BertForSequenceClassification.from_pretrained(options.teacher, dtype=torch.float32).eval()
    given = teacher_lm.config
    config = DistilBertConfig(
        vocab_size=given.vocab_size,
        max_position_embeddings=given.max_position_embeddings,
        dim=given.hidden_size,
        hidden_dim=given.intermediate_size,
        n_layers=len(LAYERS),
        n_heads=given.num_attention_heads,
        activation=given.hidden_act,
        dropout=0.0,
        attention_dropout=0.0,
        seq_classif_dropout=0.1,
        pad_token_id=padding,
        id2label=given.id2label,
        label2id=given.label2id,
        architectures=["DistilBertForMaskedLM", "DistilBertForSequenceClassification"],
    )
    if options.start:
        masked_lm = DistilBertForMaskedLM.from_pretrained(options.start, dtype=torch.float32)
        classifier = DistilBertForSequenceClassification.from_pretrained(options.start, dtype=torch.float32)
    else:
        masked_lm, classifier = DistilBertForMaskedLM(config), DistilBertForSequenceClassification(config)
        start = copied(teacher_lm, teacher_classifier)
        masked_lm.load_state_dict({name: start[name] for name in masked_lm.state_dict()})
        classifier.load_state_dict({name: start[name] for name in classifier.state_dict()})
    classifier.distilbert = masked_lm.distilbert

    text_ids = encode_all(tokenizer, corpus, max_length=64, keep=options.work / "corpus.pt")
    sst2_ids = encode_all(tokenizer, sst2_texts, max_length=64, keep=options.work / "sst2.pt")
    text_batches = Batches([len(i) for i in text_ids], 32, seed=options.seed)
    sst2_batches = Batches([len(i) for i in sst2_ids], 64, seed=options.seed + 1)
    collate = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.2)

    def text_loss(ids: list[list[int]]) -> torch.Tensor:
        batch = collate([{"input_ids": i} for i in ids])
        present, chosen = batch["input_ids"] != padding, batch["labels"] != -100
        mask, wanted = present.long(), batch["labels"][chosen]
        with torch.no_grad():
            taught = teacher_lm.bert(batch["input_ids"], mask).last_hidden_state
            target = teacher_lm.cls(taught[chosen])
        hidden = masked_lm.distilbert(batch["input_ids"], mask).last_hidden_state
        logits = masked_lm.vocab_projector(masked_lm.vocab_layer_norm(masked_lm.activation(masked_lm.vocab_transform(hidden[chosen]))))
        cosine = 1 - cosine_similarity(hidden[present].float(), taught[present].float(), dim=-1).mean()
        return (5 * soft_loss(logits, target) + 2 * cross_entropy(logits.float(), wanted) + cosine) / 8

    def loss(step: int) -> torch.Tensor:
        value = text_loss([text_ids[i] for i in text_batches(step)])
        if step % SENTIMENT_EVERY:
            return value
        index = sst2_batches(step // SENTIMENT_EVERY)
        ids = pad([sst2_ids[i] for i in index], padding)
        mask = (ids != padding).long()
        with torch.no_grad():
            target = teacher_classifier(input_ids=ids, attention_mask=mask).logits
        logits = classifier(input_ids=ids, attention_mask=mask).logits
        return value + soft_loss(logits, target) + cross_entropy(logits.float(), torch.tensor([sst2_labels[i] for i in index]))

    def checkpoint() -> Measures:
        state = {**masked_lm.state_dict(), **classifier.state_dict()}
        state.pop("vocab_projector.weight")
        save(options.output, state, config, tokenizer)
        return measure(options.output, options.data)

    optimise([masked_lm, classifier], loss, Schedule(options.steps, learning_rate=options.rate, warmup=50), options, checkpoint=checkpoint)


if __name__ == "__main__":
    main()
