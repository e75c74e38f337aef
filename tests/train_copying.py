"""Trains the small decoder of `copying.learned`, which has to find out by itself that an answer stands in one of the documents.

    OMP_NUM_THREADS=1 PYTHONPATH=.:tests python tests/train_copying.py [--steps 2000]

Each prompt has up to ten documents with words drawn anew, some of them empty as they are where one is taken away, and then a question about
each of the others. The loss is that of the first word of the answers, what stands after the key in its document.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from copying import ENDS, KEYS, LEARNED, NAMES, PIECES, blank
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

BATCH = 64
RATE = 2e-3
SHARE_EMPTY = 0.15


def batch(generator: np.random.Generator, rows: int) -> tuple[Tensor, int]:
    """Prompts with questions and answers [rows, length], and how many questions each of them has."""
    number = {piece: place for place, piece in enumerate(PIECES)}
    count = int(generator.integers(1, len(KEYS) + 1))
    kept = count if generator.random() < 0.5 else max(1, int(generator.binomial(count, 1 - SHARE_EMPTY)))
    made = []
    for _ in range(rows):
        keys, names, ends = (generator.permutation(len(part))[:count] for part in (KEYS, NAMES, ENDS))
        facts = [[number[KEYS[k]], number[NAMES[n]], number[ENDS[e]]] for k, n, e in zip(keys, names, ends, strict=True)]
        asked = generator.permutation(count)[:kept]
        documents = [[number["<doc>"], *(facts[place] if place in asked else []), number["</doc>"]] for place in range(count)]
        questions = [[number["<q>"], number["to"], *facts[place]] for place in asked]
        made.append([word for part in (*documents, *questions) for word in part])
    return torch.tensor(made), kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    generator, model = np.random.default_rng(given.seed), blank().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=given.steps, pct_start=0.1)
    for step in range(1, given.steps + 1):
        ids, questions = batch(generator, BATCH)
        answers = ids[:, -5 * questions :].unflatten(1, (questions, 5))[..., 3]
        logits = model(ids).logits[:, -5 * questions - 1 : -1].unflatten(1, (questions, 5))[..., 3, :]
        loss = functional.cross_entropy(logits.flatten(0, 1), answers.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 200 == 0:
            right = (logits.argmax(-1) == answers).float().mean()
            print(f"step {step}: {questions} questions, loss {loss.item():.4f}, right {right:.1%}", flush=True)
    LEARNED.parent.mkdir(exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, LEARNED)


if __name__ == "__main__":
    main()
