"""What methods take on long prompts: processor seconds, forward passes' worth and memory, each in a process of its own.

    OMP_NUM_THREADS=1 PYTHONPATH=.:tests/benchmarks python tests/benchmarks/bench_long.py [--model …] [--tokens 512 …] [--methods …]

`smollm2` has the configuration of SmolLM2-135M (30 layers, 576 wide, 9 heads, 3 of keys) and random weights, `bert` that of BERT base: only
sizes count. The text has ten paragraphs; *occlusion* and *SHAP* take paragraphs away, SHAP in as many coalitions as named. Memory is the
highest above that of the loaded model, the prediction included; a forward is a plain pass of the same text in the same process. The
estimate is the app's, in forwards. What sends many prompts forward is stopped after `--most` seconds, and its time is what it would have
taken at that pace; the last column says how many of its passes were made. `whole rows` lets no prompt share what it begins with.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from bench_cost import WORDS, bert, highest, tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from explain import METHODS, Method, TokenExplainer
from explain.errors import ExplainError, StoppedError
from explain.methods.catalog import make_methods
from explain.models import plan
from explain.models.instrumented import InstrumentedModel
from explain.models.interruption import interruptible

PARAGRAPHS = 10
OPTIONS: dict[str, dict[str, Any]] = {
    "integrated_gradients": {"steps": 5, "maximum_steps": 5},
    "occlusion": {"granularity": "paragraphs"},
    "shap": {"players": "paragraphs", "estimator": "kernel", "evaluations": 40},
}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "occlusion, whole rows": ("occlusion", {}),
    "shap, whole rows": ("shap", {}),
    "shap, all coalitions": ("shap", {"estimator": "exact"}),
    "shap, all coalitions, whole rows": ("shap", {"estimator": "exact"}),
    "lrp, without ledger": ("lrp", {"ledger": False}),
}
NAMES = (
    *("attention", "attention_rollout", "attention_flow", "input_x_gradient", "gradient_norm", "lrp", "integrated_gradients"),
    *("occlusion", "shap", "layer_ablation", "head_ablation", "value_zeroing"),
)
MANY = ("occlusion", "shap", "layer_ablation", "head_ablation", "value_zeroing")
"""Methods that send many prompts forward, all alike."""


def smollm2() -> tuple[TokenExplainer, dict[str, Any], str]:
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    sizes: dict[str, Any] = {"num_hidden_layers": 30, "hidden_size": 576, "intermediate_size": 1536, "num_attention_heads": 9}
    config = LlamaConfig(
        **sizes, num_key_value_heads=3, vocab_size=49152, max_position_embeddings=8192, tie_word_embeddings=True, initializer_range=0.0417
    )
    return TokenExplainer(LlamaForCausalLM(config), tokenizer(special, None), task="next_token"), {}, ""


MODELS: dict[str, Callable[[], tuple[TokenExplainer, dict[str, Any], str]]] = {"smollm2": smollm2, "bert": bert}


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    method: str
    seconds: float
    forwards: float
    estimate: int
    memory: float
    made: str

    def __str__(self) -> str:
        about = "" if self.made == "all" else "~ "
        took = f"{about}{self.seconds:,.0f} | {about}{self.forwards:,.1f} | {self.estimate:,}"
        return f"| {self.method} | {took} | {self.memory / 1024:,.2f} | {self.made} |"


class Places:
    """Counts how many places go through the layers of a model."""

    def __init__(self, model: InstrumentedModel) -> None:
        blocks = [block for stack in model.instruments.architecture.blocks.values() for block in stack]
        self._depth, self._through = len(blocks), 0
        for block in blocks:
            first = next(part for part in block.modules() if not [*part.children()])
            first.register_forward_pre_hook(self._count)

    def _count(self, _: Any, given: tuple[torch.Tensor, ...]) -> None:
        self._through += given[0].shape[0] * given[0].shape[1]

    def passes(self, tokens: int) -> float:
        """As many passes of a text of so many tokens."""
        return self._through / self._depth / tokens


def text_of(tokens: int) -> str:
    """Ten paragraphs of about the same length, of so many words."""
    words = np.random.default_rng(0).choice(WORDS, tokens)
    return "\n\n".join(" ".join(part) for part in np.array_split(words, PARAGRAPHS))


def measured(name: str, model: str, tokens: int, most: float) -> Row:
    """One method, stopped after so many seconds if it sends many prompts forward."""
    torch.manual_seed(0)
    made, asked, start = MODELS[model]()
    with made as explainer:
        empty = len(explainer.ask(start + "word1", **asked).encoding.tokens) - 1
        text = start + text_of(tokens - empty)
        method = method_of(name)
        method.prepare()
        if "whole rows" in name:
            plan.WORTH = 0.0
        score = explainer.ask(text, **asked).scores[0]
        started = time.process_time()
        with torch.no_grad():
            score.of_rows(*score.encoding.batch())
        forward = time.process_time() - started
        estimate = method.expected_passes(score)
        del score
        places, whole = Places(explainer.model), True
        started = time.process_time()

        def check() -> None:
            if method.name in MANY and time.process_time() - started > most:
                raise StoppedError("Long enough.")

        with highest() as memory, interruptible(check):
            started = time.process_time()
            try:
                explainer.ask(text, methods=[method], **asked).run(method)
            except StoppedError:
                whole = False
            seconds = time.process_time() - started
    made = places.passes(tokens)
    expected = tokens + 1 if method.name == "value_zeroing" else estimate  # whose estimate counts attention that is written out as well
    if not whole:
        seconds *= expected / made
    return Row(name, seconds, seconds / forward, estimate, memory[0], "all" if whole else f"{made:,.0f} of {expected:,}")


def method_of(name: str) -> Method:
    """A method with the options of this benchmark."""
    own, more = VARIANTS.get(name, (name, {}))
    return make_methods([own], {own: OPTIONS.get(own, {}) | more})[0]


def main() -> None:
    """Measure, each in a process of its own, or one in this."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, default="smollm2")
    parser.add_argument("--tokens", nargs="+", type=int, default=[512, 1024, 2048, 4096])
    parser.add_argument("--methods", nargs="+", choices=[*METHODS, *VARIANTS], default=list(NAMES))
    parser.add_argument("--most", type=float, default=60.0, help="seconds after which many passes are stopped")
    parser.add_argument("--here", action="store_true", help="in this process")
    given = parser.parse_args()
    for tokens in given.tokens:
        if not given.here:
            columns = "| method | seconds | forwards | estimate | GiB | passes made |\n| --- | ---: | ---: | ---: | ---: | ---: |"
            print(f"\n{given.model}, {tokens:,} tokens\n\n{columns}", flush=True)
        for name in given.methods:
            if given.here:
                try:
                    print(measured(name, given.model, tokens, given.most))
                except ExplainError as error:
                    print(f"| {name} | {error} | | | | |")
                continue
            again = [sys.executable, __file__, "--here", "--model", given.model, "--tokens", str(tokens)]
            again += ["--most", str(given.most), "--methods", name]
            found = subprocess.run(again, capture_output=True, text=True, check=False)
            print(found.stdout.strip() or f"| {name} | {found.stderr.strip().splitlines()[-1]} | | | | |", flush=True)


if __name__ == "__main__":
    main()
