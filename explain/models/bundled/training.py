"""What the four training scripts share: reading data, batching, optimising and saving.

Only the `train.py` of each checkpoint and `evaluate.py` import this; explaining never does.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors.torch import save_file
from transformers import PreTrainedConfig, PreTrainedTokenizerBase, get_linear_schedule_with_warmup

LABELS = ("negative", "positive")
SHARD_SIZE = "9MB"
HELD_OUT = 2_000


def arguments(description: str, *, steps: int, teacher: Path | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with sst2_train.tsv, sst2_dev.tsv, corpus.txt.gz")
    parser.add_argument("--output", type=Path, required=True, help="folder that receives the checkpoint")
    parser.add_argument("--steps", type=int, default=steps, help="optimisation steps (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    if teacher:
        parser.add_argument("--teacher", type=Path, default=teacher, help="checkpoint to distil (default: %(default)s)")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    return options


def read_sst2(path: Path) -> tuple[list[str], list[int]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [row["sentence"].strip() for row in rows], [int(row["label"]) for row in rows]


def read_corpus(path: Path, count: int | None = None) -> list[str]:
    """The corpus, or its first `count` sentences; the first `HELD_OUT` are for measuring only."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return list(islice((line.strip() for line in file if line.strip()), count))


def natural(sentence: str) -> str:
    """The treebank-tokenised, lower-cased SST-2 sentence as a person would type it."""
    text = sentence.replace(" n't", "n't").replace("-lrb- ", "(").replace(" -rrb-", ")")
    text = re.sub(r" ('(?:s|re|ve|ll|d|m)\b)", r"\1", text)
    text = re.sub(r" ([.,:;!?])", r"\1", text)
    text = re.sub(r"\bi\b", "I", text)
    return text[:1].upper() + text[1:]


def with_natural(sentences: Sequence[str], labels: Sequence[int]) -> tuple[list[str], list[int]]:
    return [*sentences, *map(natural, sentences)], [*labels, *labels]


def encode_all(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], *, max_length: int) -> list[list[int]]:
    ids: list[list[int]] = []
    for start in range(0, len(texts), 20_000):
        ids += tokenizer(list(texts[start : start + 20_000]), truncation=True, max_length=max_length)["input_ids"]
    return ids


def endless_batches(lengths: Sequence[int], size: int, *, seed: int) -> Iterator[np.ndarray]:
    """Shuffled batches of indices of nearly equal length, for ever: little padding, yet a random order."""
    generator = np.random.default_rng(seed)
    sizes = np.asarray(lengths)
    while True:
        order = generator.permutation(len(sizes))
        for start in range(0, len(order), size * 64):
            window = order[start : start + size * 64]
            window = window[np.argsort(sizes[window], kind="stable")]
            chunks = [window[i : i + size] for i in range(0, len(window), size)]
            for index in generator.permutation(len(chunks)):
                yield chunks[index]


def pad(sequences: Sequence[Sequence[int]], value: int) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence([torch.tensor(s) for s in sequences], batch_first=True, padding_value=value)


def optimise(
    modules: Sequence[torch.nn.Module],
    loss: Callable[[int], torch.Tensor],
    *,
    steps: int,
    learning_rate: float,
    warmup: int,
    every: int,
    checkpoint: Callable[[int], None],
    factors: Mapping[torch.nn.Parameter, float] | None = None,
) -> None:
    """AdamW with linear warm-up and decay on `loss(step)`, under bfloat16 autocast; `checkpoint(step)` every `every` steps.

    `factors` multiply the learning rate of the parameters they name.
    """
    parameters = list({id(p): p for module in modules for p in module.parameters()}.values())
    groups = [
        {"params": [p], "weight_decay": 0.01 if p.dim() > 1 else 0.0, "lr": learning_rate * (factors or {}).get(p, 1.0)} for p in parameters
    ]
    optimiser = torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98))
    schedule = get_linear_schedule_with_warmup(optimiser, warmup, steps)
    started = time.monotonic()
    average = 0.0
    for step in range(1, steps + 1):
        with torch.autocast("cpu", torch.bfloat16):
            value = loss(step)
        value.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad(set_to_none=True)
        now = value.item()
        average = now if step == 1 else 0.98 * average + 0.02 * now
        if step % 100 == 0:
            print(f"step {step}  loss {average:.3f}  {(time.monotonic() - started) / step:.3f} s/step", flush=True)
        if step % every == 0 or step == steps:
            for module in modules:
                module.eval()
            checkpoint(step)
            for module in modules:
                module.train()


def save(folder: Path, state: dict[str, torch.Tensor], config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write float16 safetensors shards below 10 MB, with config and tokenizer, into `folder`.

    The configuration says float32, so that `from_pretrained` computes in float32 without being asked to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.safetensors*"):
        old.unlink()
    half = {name: tensor.detach().to(torch.float16).contiguous() for name, tensor in state.items()}
    shards = split_torch_state_dict_into_shards(half, max_shard_size=SHARD_SIZE)
    for name, keys in shards.filename_to_tensors.items():
        save_file({key: half[key] for key in keys}, folder / name, metadata={"format": "pt"})
    if shards.is_sharded:
        index: dict[str, Any] = {"metadata": shards.metadata, "weight_map": shards.tensor_to_filename}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    for path in folder.glob("*.safetensors"):
        path.chmod(0o644)
    config.dtype = torch.float32
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
