"""Measure bundled checkpoints as saved (float16 files, computed in float32) and print a markdown table.

python explain/models/bundled/evaluate.py --data DATA [NAME ...]

Agreement: pairs of sentences (singular and plural subject, the scorecard's) in both of which the right one of *is* and *are* is likelier.
Fillers: hand-written blanks where the sensible one of two words is likelier (tests/models/fillers.tsv); each word is sensible once and
senseless once. Loops: 4-grams that repeat an earlier one in greedy continuations of twenty tokens.
"""

from __future__ import annotations

import argparse
import math
import random
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch.nn.functional import cross_entropy
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

sys.path.insert(0, str(Path(__file__).parent))
from loops import repeated
from pairs import agreement_blanks, filler, filler_blanks, prefers
from training import HELD_OUT, LABELS, encode_all, pad, read_corpus, read_sst2

BATCH = 50
BLANKS = 1_000
SENTINEL = re.compile(r"<extra_id_\d+>")


@dataclass(frozen=True)
class Measures:
    """What a checkpoint reaches.

    Attributes:
        accuracy: On the SST-2 dev set.
        held_out: Language modelling on held-out text, in words.
        agreement: Share of the pairs.
        fillers: How many of how many.
        loops: Share of repeated 4-grams, of a model that continues text.
    """

    accuracy: float
    held_out: str
    agreement: float
    fillers: tuple[int, int]
    loops: float | None
    parameters: int
    size: int

    def __str__(self) -> str:
        loops = "" if self.loops is None else f"  loops {self.loops:.1%}"
        return f"SST-2 dev {self.accuracy:.4f}  held-out {self.held_out}  agreement {self.agreement:.0%}  fillers {self.fillers[0]}{loops}"


Classify = Callable[[torch.Tensor], torch.Tensor]


def accuracy(classify: Classify, ids: Sequence[Sequence[int]], labels: Sequence[int], *, pad_id: int) -> float:
    """Share of sequences for which `classify(padded ids)` has its largest logit at the label."""
    right = 0
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    for start in range(0, len(order), BATCH):
        chunk = order[start : start + BATCH]
        logits = classify(pad([ids[i] for i in chunk], pad_id))
        right += int((logits.argmax(-1) == torch.tensor([labels[i] for i in chunk])).sum())
    return right / len(ids)


def masked_lm(model: Any, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> str:
    """Cross-entropy and top-1 accuracy at 20 % chosen positions (BERT's 80/10/10 corruption)."""
    collate = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.2, seed=0)
    total, right, count = 0.0, 0, 0
    ids = sorted(encode_all(tokenizer, texts, max_length=64), key=len)
    for start in range(0, len(ids), BATCH):
        batch = collate([{"input_ids": i} for i in ids[start : start + BATCH]])
        chosen = batch["labels"] != -100
        mask = (batch["input_ids"] != tokenizer.pad_token_id).long()
        logits, labels = model(input_ids=batch["input_ids"], attention_mask=mask).logits[chosen], batch["labels"][chosen]
        total += float(cross_entropy(logits, labels, reduction="sum"))
        right += int((logits.argmax(-1) == labels).sum())
        count += len(labels)
    return f"masked-LM loss {total / count:.3f}, top-1 {right / count:.1%}"


def causal_lm(model: Any, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> str:
    end = tokenizer.eos_token_id
    total, count = 0.0, 0
    ids = sorted(([end, *i, end] for i in encode_all(tokenizer, texts, max_length=126)), key=len)
    for start in range(0, len(ids), BATCH):
        batch = pad(ids[start : start + BATCH], tokenizer.pad_token_id)
        kept = batch[:, 1:] != tokenizer.pad_token_id
        logits = model(input_ids=batch[:, :-1], attention_mask=(batch[:, :-1] != tokenizer.pad_token_id).long()).logits[kept]
        total += float(cross_entropy(logits, batch[:, 1:][kept], reduction="sum"))
        count += int(kept.sum())
    return f"perplexity {math.exp(total / count):.1f} per token"


def blanks(texts: Sequence[str], longest: int) -> list[tuple[str, str]]:
    """Texts with one run of 1 to `longest` words replaced by the first sentinel, and the words replaced."""
    generator = random.Random(longest)
    made = []
    for text in texts:
        found = list(re.finditer(r"\w+", text))
        count = generator.randint(1, longest)
        if count < len(found) <= 60:
            first = generator.randrange(len(found) - count + 1)
            start, end = found[first].start(), found[first + count - 1].end()
            made.append((f"{text[:start]}<extra_id_0>{text[end:]}", text[start:end]))
    return made[:BLANKS]


def filled(model: Any, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[str]:
    """What greedy generation puts in place of the first sentinel of each text."""
    encoded = tokenizer(list(texts), return_tensors="pt", padding=True, truncation=True, max_length=128)
    ids = model.generate(encoded["input_ids"], attention_mask=encoded["attention_mask"], max_new_tokens=12, do_sample=False)
    parts = [SENTINEL.split(text) for text in tokenizer.batch_decode(ids)]
    return [part[1].split(tokenizer.eos_token)[0].replace(tokenizer.pad_token, "").strip() if len(part) > 1 else "" for part in parts]


def span_filling(model: Any, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> str:
    shares = []
    for longest in (1, 3):
        cases = sorted(blanks(texts, longest), key=lambda case: len(case[0]))
        right = 0
        for start in range(0, len(cases), BATCH):
            chunk = cases[start : start + BATCH]
            right += sum(a == b for a, (_, b) in zip(filled(model, tokenizer, [text for text, _ in chunk]), chunk, strict=True))
        shares.append(right / len(cases))
    return f"exact match {shares[0]:.1%} on one blanked word, {shares[1]:.1%} on 1–3 words"


@torch.inference_mode()
def measure(folder: Path, data: Path) -> Measures:
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    config = AutoConfig.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    sentences, labels = read_sst2(data / "sst2_dev.tsv")
    texts = read_corpus(data / "corpus.txt.gz", HELD_OUT)
    model: Any
    if config.model_type == "t5":
        model = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32)
        prefix = config.task_specific_params["classification"]["prefix"]
        sentences = [prefix + sentence for sentence in sentences]
        words = [tokenizer(label, add_special_tokens=False)["input_ids"][0] for label in LABELS]
        language_model = model
        held_out = span_filling(model, tokenizer, texts)

        def classify(ids: torch.Tensor) -> torch.Tensor:
            start = torch.full((len(ids), 1), config.decoder_start_token_id)
            mask = (ids != tokenizer.pad_token_id).long()
            logits: torch.Tensor = model(input_ids=ids, attention_mask=mask, decoder_input_ids=start).logits
            return logits[:, 0, words]
    else:
        causal = config.model_type == "gpt2"
        language_model = (AutoModelForCausalLM if causal else AutoModelForMaskedLM).from_pretrained(folder, dtype=torch.float32)
        held_out = (causal_lm if causal else masked_lm)(language_model, tokenizer, texts)
        model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32)

        def classify(ids: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = model(input_ids=ids, attention_mask=(ids != tokenizer.pad_token_id).long()).logits
            return logits

    ids = encode_all(tokenizer, sentences, max_length=128)
    parameters, size = 0, 0
    for path in folder.glob("*.safetensors"):
        size += path.stat().st_size
        with safe_open(path, "pt") as file:
            parameters += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    fill = filler(language_model, tokenizer)
    pairs, blank = agreement_blanks(), filler_blanks()
    return Measures(
        accuracy=accuracy(classify, ids, labels, pad_id=tokenizer.pad_token_id),
        held_out=held_out,
        agreement=sum(all(prefers(fill, tokenizer, one) for one in pair) for pair in pairs) / len(pairs),
        fillers=(sum(prefers(fill, tokenizer, one) for one in blank), len(blank)),
        loops=repeated(language_model, tokenizer) if config.model_type == "gpt2" else None,
        parameters=parameters,
        size=size,
    )


def main() -> None:
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with sst2_dev.tsv and corpus.txt.gz")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("names", nargs="*", metavar="NAME", help="checkpoints to measure, or folders (default: all bundled ones)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    names = options.names or sorted(path.parent.name for path in here.glob("*/config.json"))
    print("| checkpoint | parameters | weights | SST-2 dev | held-out text | agreement | fillers | loops |")
    print("| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: |")
    for name in names:
        result = measure(here / name, options.data)
        loops = "" if result.loops is None else f"{result.loops:.1%}"
        parts = (Path(name).name, f"{result.parameters:,}", f"{result.size / 1e6:.1f} MB", f"{result.accuracy:.1%}", result.held_out)
        print("|", " | ".join((*parts, f"{result.agreement:.0%}", f"{result.fillers[0]} of {result.fillers[1]}", loops)), "|", flush=True)


if __name__ == "__main__":
    main()
