"""What every method costs on models of the usual sizes: passes, time, the machine's limit, memory, and how good the estimate was.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_cost.py [--models bert-base gpt2 t5-small] [--tokens 16 64 256 512] [--methods …]

Weights are random: only sizes count. Times are processor seconds, so that what else runs on the machine counts little. One forward pass is
a plain pass of the same text in the same process; the time of a method includes the prediction, as a caller waits for both. The floor of a
gradient is a forward and a backward pass of the bare model, to the embeddings only. `work` is floating-point operations (counted by torch),
as a multiple of one forward's. The limit is what they take at the highest matrix-product rate measured in this process. Memory is the
highest above that of the loaded model. `estimate` is the app's expected time as a multiple of the measured one. Methods that send more than
`--most` tokens forward are left out.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
import psutil
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from explain import METHODS, TokenExplainer
from explain.analysis import Analysis
from explain.cost import expected_cost
from explain.errors import ExplainError

WORDS = [f"word{number}" for number in range(1000)]
SIDE = 1024
MEGABYTE = 2**20
Made = tuple[TokenExplainer, dict[str, Any], str]


def tokenizer(special: dict[str, str], template: str | None) -> PreTrainedTokenizerFast:
    """A token for every word."""
    pieces = [*special.values(), *(f"<extra_id_{n}>" for n in range(3)), *WORDS]
    ids = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    made = Tokenizer(models.WordLevel(ids, unk_token=special["unk_token"]))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if template is not None:
        made.post_processor = processors.TemplateProcessing(single=template, special_tokens=[(t, ids[t]) for t in special.values()])
    return PreTrainedTokenizerFast(tokenizer_object=made, extra_special_tokens=[f"<extra_id_{n}>" for n in range(3)], **special)


def bert() -> Made:
    special = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]", "unk_token": "[UNK]"}
    model = BertForSequenceClassification(BertConfig(num_labels=2))
    return TokenExplainer(model, tokenizer(special, "[CLS] $A [SEP]"), task="classification"), {}, ""


def gpt2() -> Made:
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    return TokenExplainer(GPT2LMHeadModel(GPT2Config()), tokenizer(special, None), task="next_token"), {}, ""


def t5() -> Made:
    special = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    config = T5Config(d_model=512, d_ff=2048, num_layers=6, num_heads=8, decoder_start_token_id=0)
    made = tokenizer(special, "$A </s>")
    return TokenExplainer(T5ForConditionalGeneration(config), made, task="span_infilling"), {"target": "word7"}, "<extra_id_0> "


MODELS: dict[str, Callable[[], Made]] = {"bert-base": bert, "gpt2": gpt2, "t5-small": t5}


def fastest() -> float:
    """Floating-point operations per second of a large matrix product."""
    left, right = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    seconds = []
    for _ in range(8):
        started = time.process_time()
        left @ right
        seconds.append(time.process_time() - started)
    return 2 * SIDE**3 / min(seconds)


@contextmanager
def highest() -> Iterator[list[float]]:
    """Within, the highest memory of this process above that at the beginning, in MiB."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    process, over = psutil.Process(), threading.Event()
    before = process.memory_info().rss
    found = [0.0]

    def watch() -> None:
        while not over.wait(0.002):
            found[0] = max(found[0], (process.memory_info().rss - before) / MEGABYTE)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield found
    finally:
        over.set()
        watching.join()


@dataclass(frozen=True)
class Measured:
    """What a call took."""

    seconds: float
    operations: float
    memory: float
    passes: int


class Operations(TorchDispatchMode):
    """Counts as torch's own counter does, which cannot look on while hooks run inside a gradient."""

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.total += count(*args, **(kwargs or {}), out_val=out)
        return out


def measure(call: Callable[[], int], runs: int) -> Measured:
    """The fastest of some runs, and one more for operations and memory."""
    seconds: list[float] = []
    for _ in range(runs):
        started = time.process_time()
        call()
        seconds.append(time.process_time() - started)
    with highest() as memory, Operations() as operations:  # type: ignore[no-untyped-call]
        passes = call()
    return Measured(min(seconds), operations.total, memory[0], passes)


def bare_gradient(analysis: Analysis) -> None:
    """What a gradient takes at least."""
    score = analysis.scores[0]
    embeddings = score.embeddings().detach().requires_grad_()
    torch.autograd.grad(score.of_embeddings(embeddings).sum(), embeddings)


def table(name: str, tokens: int, methods: list[str], peak: float, most: int) -> None:
    """One model and one length."""
    torch.manual_seed(0)
    explainer, asked, start = MODELS[name]()
    with explainer:
        empty = len(explainer.ask(start + "word1", **asked).encoding.tokens)
        text = start + " ".join(np.random.default_rng(0).choice(WORDS, tokens - empty + 1))
        analysis = explainer.ask(text, **asked)
        encoding = analysis.encoding

        def plain() -> int:
            with torch.no_grad():
                analysis.scores[0].recounted().of_rows(*encoding.batch())
            return 1

        forward = measure(plain, 5)
        rate = forward.operations / forward.seconds / peak
        floor = measure(lambda: bare_gradient(analysis) or 0, 5)
        print(
            f"\n{name}, {len(encoding.tokens)} tokens: one forward {forward.seconds * 1000:.0f} ms, {rate:.0%} of the highest rate; "
            f"with its gradient {floor.seconds / forward.seconds:.2f} forwards\n"
        )
        print("| method | passes | work | forwards | seconds | of the limit | MiB | estimate |")
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        seconds, operations, shared = 0.0, 0.0, []
        for method in [METHODS[method]() for method in methods]:
            if method.expected_passes(analysis.scores[0]) * tokens > most:
                continue

            def run(method: Any = method) -> int:
                asking = explainer.ask(text, methods=[method], **asked)
                return asking.run(method).passes

            try:
                found = measure(run, 3 if method.expected_passes(analysis.scores[0]) < 20 else 1)
            except ExplainError as error:
                print(f"| {method.title} | {error} |")
                continue
            with patch("time.perf_counter", time.process_time):
                cost = expected_cost(explainer.ask(text, **asked), [method])
            shares = not explainer.model.task.sequence and (method.reads_trace or method.reads_gradient or method.under(1) is not None)
            expected = cost.seconds([method.name]) + cost.seconds_alone * (not shares)
            if method.name not in ("integrated_gradients", "shap"):
                seconds += found.seconds
                operations += found.operations
                shared.append(method.name)
            print(
                f"| {method.title} | {found.passes:,} | {found.operations / forward.operations:.1f} | "
                f"{found.seconds / forward.seconds:.1f} | "
                f"{found.seconds:.2f} | {found.seconds * peak / found.operations:.1f} x | {found.memory:,.0f} | "
                f"{expected / found.seconds:.1f} x |"
            )

        def together() -> int:
            explanation = explainer.analyze(text, shared, **asked)
            return sum(attribution.passes for attribution in explanation)

        found = measure(together, 2)
        work = f"{found.operations / forward.operations:.1f}, {found.operations / operations:.0%} of the sum"
        times = f"{found.seconds / forward.seconds:.1f}, {found.seconds / seconds:.0%} of the sum | {found.seconds:.2f}"
        print(f"| these but IG and SHAP, together | {found.passes:,} | {work} | {times} | | {found.memory:,.0f} | |", flush=True)


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--tokens", nargs="+", type=int, default=[16, 64, 256, 512])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--most", type=int, default=20_000)
    given = parser.parse_args()
    peak = fastest()
    print(f"{torch.get_num_threads()} threads, {peak / 1e9:.0f} GFLOP/s at most")
    for name in given.models:
        for tokens in given.tokens:
            table(name, tokens, given.methods, peak, given.most)


if __name__ == "__main__":
    main()
