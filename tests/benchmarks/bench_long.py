"""What methods take on long prompts: processor seconds, forward passes' worth and memory, each in a process of its own.

    OMP_NUM_THREADS=1 PYTHONPATH=.:tests/benchmarks python tests/benchmarks/bench_long.py [--model …] [--tokens 512 …] [--methods …]

`smollm2` has the configuration of SmolLM2-135M (30 layers, 576 wide, 9 heads, 3 of keys) and random weights, `bert` that of BERT base: only
sizes count. The text has ten paragraphs; *occlusion* and *SHAP* take paragraphs away, SHAP in as many coalitions as named. Memory is the
highest above that of the loaded model, the prediction included; a forward is a plain pass of the same text in the same process. `whole
rows` lets no prompt share what it begins with.
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
from explain.errors import ExplainError
from explain.methods.catalog import make_methods
from explain.models import plan

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
NAMES = ("attention", "attention_rollout", "input_x_gradient", "lrp", "integrated_gradients", "occlusion", "shap", "layer_ablation")


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
    memory: float

    def __str__(self) -> str:
        return f"| {self.method} | {self.seconds:,.1f} | {self.forwards:,.1f} | {self.memory / 1024:,.2f} |"


def text_of(tokens: int) -> str:
    """Ten paragraphs of about the same length, of so many words."""
    words = np.random.default_rng(0).choice(WORDS, tokens)
    return "\n\n".join(" ".join(part) for part in np.array_split(words, PARAGRAPHS))


def measured(name: str, model: str, tokens: int) -> Row:
    """One method."""
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
        del score
        with highest() as memory:
            started = time.process_time()
            explainer.ask(text, methods=[method], **asked).run(method)
            seconds = time.process_time() - started
    return Row(name, seconds, seconds / forward, memory[0])


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
    parser.add_argument("--here", action="store_true", help="in this process")
    given = parser.parse_args()
    for tokens in given.tokens:
        if not given.here:
            print(f"\n{given.model}, {tokens:,} tokens\n\n| method | seconds | forwards | GiB |\n| --- | ---: | ---: | ---: |", flush=True)
        for name in given.methods:
            if given.here:
                try:
                    print(measured(name, given.model, tokens))
                except ExplainError as error:
                    print(f"| {name} | {error} | | |")
                continue
            again = [sys.executable, __file__, "--here", "--model", given.model, "--tokens", str(tokens), "--methods", name]
            found = subprocess.run(again, capture_output=True, text=True, check=False)
            print(found.stdout.strip() or f"| {name} | {found.stderr.strip().splitlines()[-1]} | | |", flush=True)


if __name__ == "__main__":
    main()
