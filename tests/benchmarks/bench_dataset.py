"""A data set explained in batches against a loop over `analyze`, in the same process; and one process against two.

    python tests/benchmarks/bench_dataset.py                       # 1,000 texts made here, the loop over 200 of them
    python tests/benchmarks/bench_dataset.py --rows 10000 --data sentences.tsv --text-column sentence
    python tests/benchmarks/bench_dataset.py --processes 2         # one and two processes at one thread each

Prints CPU milliseconds per text of both, how many times faster batches are, the largest difference of a score relative to the largest of
its text, and the most memory that was held; for two processes wall and CPU seconds, with and without what starting takes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from explain import TokenExplainer, explain_dataset
from explain.dataset import data as sources

METHODS = ("input_x_gradient", "lrp")
PARTS = (
    ("the film", "this plot", "every scene", "the whole cast", "her last novel", "a second act that nobody asked for", "the music"),
    ("is", "was", "seems", "never was", "turns out to be", "could have been", "will always be"),
    ("good", "not good", "a delight", "dull and far too long", "better than its trailer", "the worst of the year", "hard to forget"),
    ("", ".", "!", "and that is all .", "though I liked the ending .", "for those who have never seen one before ."),
)


def made(count: int, seed: int = 0) -> list[str]:
    """Sentences of 3 to 25 words."""
    chance = random.Random(seed)
    sentences = [" ".join(filter(None, map(chance.choice, PARTS))) for _ in range(3 * count)]
    return [", but ".join(sentences[3 * i : 3 * i + chance.choice((1, 1, 1, 2))]) for i in range(count)]


def texts_of(given: argparse.Namespace) -> list[str]:
    if given.data is None:
        return made(given.rows)
    read = sources.read(given.data, text_column=given.text_column)
    return [row.text for row in read.rows(0, len(read))][: given.rows]


def one(given: argparse.Namespace) -> None:
    """Batches against the loop."""
    texts = texts_of(given)
    chosen = random.Random(1).sample(range(len(texts)), min(given.loop, len(texts)))
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer, tempfile.TemporaryDirectory() as folder:
        for number in chosen[:5]:
            explainer.analyze(texts[number], given.methods)
        half = len(chosen) // 2
        started, alone = time.process_time(), {n: explainer.analyze(texts[n], given.methods) for n in chosen[:half]}
        loop = time.process_time() - started
        started = time.process_time()
        run = explain_dataset(explainer, texts, folder, methods=given.methods, chunk=given.chunk, progress=False)
        batches = (time.process_time() - started) / len(texts)
        started = time.process_time()
        alone |= {n: explainer.analyze(texts[n], given.methods) for n in chosen[half:]}
        loop = (loop + time.process_time() - started) / len(chosen)
        found = {row["row"]: row["scores"] for row in run.rows(["row", "scores"]) if row["row"] in alone}
    worst = {
        m: max(float(np.abs(found[n][m] - e[m].scores).max() / np.abs(e[m].scores).max()) for n, e in alone.items()) for m in given.methods
    }
    tokens = sum(len(explanation.tokens) for explanation in alone.values()) / len(alone)
    print(f"{len(texts):,} texts of {tokens:.1f} tokens, {', '.join(given.methods)}, {torch.get_num_threads()} thread")
    print(f"loop over analyze  {1000 * loop:7.2f} ms of CPU per text")
    print(f"batches            {1000 * batches:7.2f} ms of CPU per text, {loop / batches:.1f} times faster")
    print("largest difference " + ", ".join(f"{name} {value:.1e}" for name, value in worst.items()))
    print(f"memory             {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB at most")


def several(given: argparse.Namespace) -> None:
    """The command by one process and by several."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "texts.jsonl")
        file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts_of(given)))
        command = ["-m", "explain", "dataset", "--data", str(file), "--model", "bert-mini", "--task", "classification", "--chunk", "256"]
        seconds: dict[int, tuple[float, float]] = {}
        for processes in (1, given.processes):
            launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"] if processes > 1 else []
            asked = [*launch, *command, "--methods", *given.methods, "--output", str(Path(folder, str(processes)))]
            whole, start = timed(asked), timed(asked)  # the second time nothing is left to do
            seconds[processes] = whole[0] - start[0], whole[1] - start[1]
            print(f"{processes} processes: {whole[0]:.1f} s, {whole[1]:.1f} s of CPU; to start {start[0]:.1f} s and {start[1]:.1f} s")
        one, several = seconds[1], seconds[given.processes]
        print(
            f"scaling without the start {one[0] / several[0] / given.processes:.0%} by the clock, {one[1] / several[1]:.0%} by CPU seconds"
        )


def timed(command: Sequence[str]) -> tuple[float, float]:
    """Seconds and CPU seconds of a command."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *command], env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - started, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--loop", type=int, default=200)
    parser.add_argument("--chunk", type=int, default=1024)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--data")
    parser.add_argument("--text-column")
    given = parser.parse_args()
    torch.set_num_threads(1)
    one(given) if given.processes == 1 else several(given)


if __name__ == "__main__":
    main()
