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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors.torch import save_file
from transformers import PreTrainedConfig, PreTrainedTokenizerBase

LABELS = ("negative", "positive")
SHARD_SIZE = "9MB"
HELD_OUT = 2_000


def arguments(description: str, *, steps: int, rate: float, start: Path | None = None, teacher: Path | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with sst2_train.tsv, sst2_dev.tsv, corpus.txt.gz")
    parser.add_argument("--output", type=Path, required=True, help="folder that receives the checkpoint")
    parser.add_argument("--work", type=Path, required=True, help="folder of the state to resume from and the log of the loss")
    parser.add_argument("--steps", type=int, default=steps, help="optimisation steps (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=rate, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--bfloat16", action="store_true", help="autocast: faster where the processor is, slower where it is not")
    parser.add_argument("--start", type=Path, default=start, help="checkpoint to start from (default: %(default)s)")
    if teacher:
        parser.add_argument("--teacher", type=Path, default=teacher, help="checkpoint to distil (default: %(default)s)")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
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


def encode_all(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], *, max_length: int, keep: Path | None = None) -> list[list[int]]:
    """The ids of every text; with `keep` they are written to that file, or read from it, so that a training goes on at once."""
    if keep and keep.exists():
        stored = torch.load(keep, weights_only=True)
        return [part.tolist() for part in stored["ids"].split(stored["lengths"].tolist())]
    ids: list[list[int]] = []
    for start in range(0, len(texts), 20_000):
        ids += tokenizer(list(texts[start : start + 20_000]), truncation=True, max_length=max_length)["input_ids"]
    if keep:
        keep.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"ids": torch.tensor([i for part in ids for i in part]), "lengths": torch.tensor([len(part) for part in ids])}, keep)
    return ids


class Batches:
    """Shuffled batches of indices of nearly equal length, for ever: little padding, yet a random order.

    The batch of a step depends on seed and step alone, so that a training that was stopped goes on with the data it had not seen.
    """

    def __init__(self, lengths: Sequence[int], size: int, *, seed: int) -> None:
        self.lengths = np.asarray(lengths)
        self.size = size
        self.seed = seed
        self.epoch = -1
        self.chunks: list[np.ndarray] = []

    def __call__(self, step: int) -> np.ndarray:
        count = -(-len(self.lengths) // self.size)
        epoch, position = divmod(step, count)
        if epoch != self.epoch:
            self.epoch, self.chunks = epoch, self._shuffled(epoch)
        return self.chunks[position]

    def _shuffled(self, epoch: int) -> list[np.ndarray]:
        generator = np.random.default_rng((self.seed, epoch))
        order = generator.permutation(len(self.lengths))
        chunks: list[np.ndarray] = []
        for start in range(0, len(order), self.size * 64):
            window = order[start : start + self.size * 64]
            window = window[np.argsort(self.lengths[window], kind="stable")]
            made = [window[i : i + self.size] for i in range(0, len(window), self.size)]
            chunks += [made[i] for i in generator.permutation(len(made))]
        return chunks


def pad(sequences: Sequence[Sequence[int]], value: int) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence([torch.tensor(s) for s in sequences], batch_first=True, padding_value=value)


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up to the learning rate, then linear decay to nothing.

    Attributes:
        every: Steps between two checkpoints.
        keep: Steps between two states to resume from.
    """

    steps: int
    learning_rate: float
    warmup: int
    every: int = 1_000
    keep: int = 200

    def rate(self, step: int) -> float:
        return self.learning_rate * min(1.0, step / self.warmup, (self.steps - step) / max(self.steps - self.warmup, 1) + 1e-3)


def optimise(
    modules: Sequence[torch.nn.Module],
    loss: Callable[[int], torch.Tensor],
    schedule: Schedule,
    options: argparse.Namespace,
    *,
    checkpoint: Callable[[], object],
    factors: Mapping[torch.nn.Parameter, float] | None = None,
) -> None:
    """AdamW on `loss(step)`; `checkpoint()` saves and measures. Stopped, it goes on from the last state in the work folder.

    Randomness starts anew from seed and step at every step, hence the state is weights, moments and step. `factors` multiply the
    learning rate of the parameters they name.
    """
    parameters = list({id(p): p for module in modules for p in module.parameters()}.values())
    scales = [(factors or {}).get(p, 1.0) for p in parameters]
    groups = [{"params": [p], "weight_decay": 0.01 if p.dim() > 1 else 0.0} for p in parameters]
    optimiser = torch.optim.AdamW(groups, lr=schedule.learning_rate, betas=(0.9, 0.98), fused=True)
    options.work.mkdir(parents=True, exist_ok=True)
    kept, log = options.work / "state.pt", options.work / "log.jsonl"
    done, average = 0, 0.0
    if kept.exists():
        state = torch.load(kept, weights_only=True)
        done, average = state["step"], state["average"]
        optimiser.load_state_dict(state["optimiser"])
        with torch.no_grad():
            for parameter, value in zip(parameters, state["parameters"], strict=True):
                parameter.copy_(value)

    def note(**what: object) -> None:
        line = json.dumps(what)
        print(line, flush=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    started = time.monotonic()
    for module in modules:
        module.train()
    for step in range(done + 1, schedule.steps + 1):
        torch.manual_seed(options.seed * 1_000_003 + step)
        for group, scale in zip(optimiser.param_groups, scales, strict=True):
            group["lr"] = schedule.rate(step) * scale
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
            value = loss(step)
        value.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        now = value.item()
        average = now if step == 1 else 0.98 * average + 0.02 * now
        if step % 50 == 0:
            seconds = (time.monotonic() - started) / (step - done)
            note(step=step, loss=round(average, 4), rate=schedule.rate(step), seconds_per_step=round(seconds, 3))
        if step % schedule.keep == 0 or step == schedule.steps:
            tensors = [p.detach() for p in parameters]
            torch.save(
                {"step": step, "average": average, "optimiser": optimiser.state_dict(), "parameters": tensors}, kept.with_suffix(".new")
            )
            kept.with_suffix(".new").replace(kept)
        if step % schedule.every == 0 or step == schedule.steps:
            for module in modules:
                module.eval()
            note(step=step, measures=str(checkpoint()))
            for module in modules:
                module.train()


def proportional(model: torch.nn.Module) -> dict[torch.nn.Parameter, float]:
    """Learning-rate factors in proportion to each weight's first size, as Adafactor has them, for weights of very unlike sizes.

    T5's embeddings are large and its queries very small (attention logits are not divided by the square root of the width): one rate
    for all makes attention collapse.
    """
    return {parameter: max(0.03, float(parameter.detach().square().mean().sqrt())) for parameter in model.parameters()}


def without_dropout(model: torch.nn.Module) -> None:
    """Switch dropout off: one pass over the data leaves nothing to overfit to."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0


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
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.save_pretrained(folder)
