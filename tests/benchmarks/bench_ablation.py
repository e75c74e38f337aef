"""All heads of a small BERT off one by one: ours against plain hooks in a loop, in the same process.

    python tests/benchmarks/bench_ablation.py

Prints seconds (best of several runs), how many times longer the loop takes, and the largest difference.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
import transformers as t
from tokenizers import Tokenizer, models, pre_tokenizers

from explain import Score, TokenExplainer
from explain.methods.head_ablation import head_effects
from explain.methods.layer_ablation import layer_effects
from explain.types import Array

LAYERS, HEADS, WIDTH = 6, 8, 256


def explainer() -> TokenExplainer:
    torch.manual_seed(0)
    raw = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1, **{f"w{i}": i + 2 for i in range(98)}}, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    config = t.BertConfig(
        vocab_size=100, num_hidden_layers=LAYERS, hidden_size=WIDTH, num_attention_heads=HEADS, intermediate_size=4 * WIDTH
    )
    model = t.BertForSequenceClassification(config).eval()
    return TokenExplainer(
        model, t.PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]"), task="classification"
    )


def by_hooks(explainer: TokenExplainer, score: Score) -> Array:
    """One pass per head, its slice before the output projection set to zero by a hook; transformers' own attention."""
    base, width = score.anew().value(), WIDTH // HEADS
    effects = np.empty((LAYERS, HEADS))
    for layer, block in enumerate(explainer.model.model.bert.encoder.layer):
        for head in range(HEADS):

            def zero(_, args, head=head):
                joined = args[0].clone()
                joined[..., head * width : (head + 1) * width] = 0
                return (joined, *args[1:])

            handle = block.attention.output.dense.register_forward_pre_hook(zero)
            effects[layer, head] = base - score.anew().value()
            handle.remove()
    return effects


def best_of(runs: int, function: Callable[[], Array]) -> tuple[float, Array]:
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        result = function()
        seconds.append(time.perf_counter() - started)
    return min(seconds), result


def main() -> None:
    made = explainer()
    print(f"BERT, {LAYERS} layers x {HEADS} heads, width {WIDTH}, {torch.get_num_threads()} threads")
    print(f"{'tokens':>6} {'heads s':>9} {'loop':>8} {'layers s':>9} {'error':>9}")
    for size in (16, 64, 256):
        score = made.ask(" ".join(f"w{i % 98}" for i in range(size))).scores[0]
        runs = 5 if size < 256 else 2
        mine, effects = best_of(runs, lambda score=score: head_effects(score).effect["self"])
        loop, expected = best_of(runs, lambda score=score: by_hooks(made, score))
        layers, _ = best_of(runs, lambda score=score: layer_effects(score).effect["self"])
        print(f"{size:>6} {mine:>9.3f} {loop / mine:>6.1f} x {layers:>9.3f} {np.abs(effects - expected).max():>9.1e}")


if __name__ == "__main__":
    main()
