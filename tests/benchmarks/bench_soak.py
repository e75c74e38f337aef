"""Thousands of requests in one process: does memory grow, and what is it, the program's or the allocator's?

    python tests/benchmarks/bench_soak.py [--requests 5000] [--threads 4] [--trace]

Mixed tasks and methods, each time with another text. Every tenth of the way: what the process holds (RSS), what is left of it once the
allocator gave back what it could (`malloc_trim`), live Python objects, files in the temporary folder, and with --trace (slow) the bytes
that Python allocated and where they grew most.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import random
import sys
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import psutil
from bench_load import CASES, left

from explain.interface.work.explaining import explain
from explain.sharing.request import Request
from explain.types import Question

WORDS = "the film was a long and quiet evening of good music with old friends who never said what they thought about it".split()
PARTS = 10


def once(number: int) -> None:
    """One request, its text lengthened by words that depend on its number."""
    chance = random.Random(number)
    case = CASES[number % len(CASES)]
    more = " ".join(chance.choices(WORDS, k=chance.randrange(12)))
    text = f"{more} {case.text}".strip()
    explain(Request(case.task, case.model, Question(text, target=case.target), case.methods, {}))


def trimmed() -> None:
    """Let the allocator give back what it can."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--trace", action="store_true")
    given = parser.parse_args()
    process, mebibyte = psutil.Process(), 2**20
    for number in range(2 * len(CASES)):  # models, compiled code and caches
        once(number)
    if given.trace:
        tracemalloc.start(8)
    before = tracemalloc.take_snapshot() if given.trace else None
    print(f"{given.requests} requests in {given.threads} threads, MALLOC_ARENA_MAX {os.environ.get('MALLOC_ARENA_MAX', 'unset')}")
    started, part, files = time.monotonic(), max(1, given.requests // PARTS), left()
    after: list[float] = []
    for begin in range(0, given.requests, part):
        with ThreadPoolExecutor(given.threads) as pool:
            list(pool.map(once, range(begin, min(begin + part, given.requests))))
        held = process.memory_info().rss / mebibyte
        trimmed()
        after.append(process.memory_info().rss / mebibyte)
        traced = f", traced {tracemalloc.get_traced_memory()[0] / mebibyte:.1f} MiB" if given.trace else ""
        print(
            f"{begin + part:6} requests, {time.monotonic() - started:5.0f} s: {held:.0f} MiB, trimmed {after[-1]:.0f}, "
            f"{len(gc.get_objects()):,} objects, {left() - files} files more{traced}",
            flush=True,
        )
    half = after[len(after) // 2 :]
    slope = (half[-1] - half[0]) / max(1, (len(half) - 1) * part) * 1000
    print(f"the second half grew by {slope:+.1f} MiB per 1,000 requests")
    if before is not None:
        for line in tracemalloc.take_snapshot().compare_to(before, "lineno")[:10]:
            print("  ", line)


if __name__ == "__main__":
    main()
