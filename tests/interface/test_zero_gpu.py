"""On a ZeroGPU Space all that asks a model runs in the process that has the GPU, with the same results; elsewhere nothing changes."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from test_endpoints import same

from explain.errors import TextTooLongError
from explain.interface import comparison_endpoints, endpoints, inside_endpoints, prompt_endpoints, serving, zero_gpu
from explain.interface.zero_gpu import on_gpu

ASK = Path(__file__).parent / "borrowed" / "ask.py"
ROOT = Path(__file__).parents[2]
INTERFACE = Path(zero_gpu.__file__).parent
TEXT = {"text": "A fine film.", "methods": ["input_x_gradient"]}
TEXTS = {"texts": ["A fine film.", "A bad film."], "methods": ["attention", "input_x_gradient"]}
QUESTIONS: list[tuple[Any, dict[str, Any]]] = [
    (endpoints.classification, {**TEXT, "target": "negative", "maps": True}),
    (endpoints.generation, {"text": "The president", "target": " said that", "methods": ["occlusion"]}),
    (inside_endpoints.attention, {"text": "A fine film."}),
    (inside_endpoints.ablation, {"text": "A fine film."}),
    (inside_endpoints.layers, {"text": "A fine film."}),
    (inside_endpoints.critical_heads, {"texts": TEXTS["texts"]}),
    (comparison_endpoints.agreement, TEXTS),
    (comparison_endpoints.faithfulness, {**TEXTS, "orders": 3, "beam": 1}),
    (comparison_endpoints.randomisation, TEXT),
    (comparison_endpoints.scorecard, {"methods": ["input_x_gradient"]}),
    (prompt_endpoints.compare_prompts, TEXTS),
    (prompt_endpoints.keywords, {**TEXTS, "keywords": ["film"]}),
    (prompt_endpoints.template, {"templates": ["A {good|bad} [MASK]."], "target": "film", "methods": ["input_x_gradient"]}),
]


def test_all_answers_come_from_the_gpu_with_the_same_numbers() -> None:
    asked = [(function.__name__, arguments) for function, arguments in QUESTIONS]
    asked += [("classification", {"text": "film " * 600}), ("card", TEXT)]
    done = subprocess.run(
        [sys.executable, str(ASK)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "SPACES_ZERO_GPU": "true", "PYTHONPATH": os.pathsep.join([str(ASK.parent), str(ROOT)])},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    *answers, refused, card = found["answers"]
    assert found["loaded"] == []
    assert found["borrowed"] >= len(asked) + 2
    for (function, arguments), answer in zip(QUESTIONS, answers, strict=True):
        same(answer, json.loads(json.dumps(function(**arguments))), function.__name__)
    assert refused["error"] == TextTooLongError.__name__
    assert "reads at most 512" in refused["message"]
    assert card["model"]["name"] == "bert-mini"
    assert found["steps"] == [0, 1, 2]
    assert found["cut"] == 512


def test_elsewhere_a_marked_function_is_what_was_written() -> None:
    def written() -> None: ...

    assert on_gpu(written) is written
    assert "spaces" not in sys.modules


def test_all_that_asks_a_model_is_marked() -> None:
    """Whoever loads a model in the interface is marked, or is the helper that marked functions use."""
    asking = []
    for path in INTERFACE.glob("*.py"):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef):
                called = {ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
                if called & {"asked", "TokenExplainer.from_pretrained", "load_model", "replay"}:
                    asking.append((function.name, [ast.unparse(mark) for mark in function.decorator_list]))
    assert len(asking) > 12
    assert [name for name, marks in asking if marks != ["on_gpu"]] == [serving.asked.__name__]
