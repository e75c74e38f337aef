"""On a ZeroGPU Space all that asks a model runs in the process that has the GPU, with the same results; elsewhere nothing changes."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any

from processes import Python
from test_endpoints import same

from explain.errors import TextTooLongError
from explain.interface import work
from explain.interface.endpoints import endpoints
from explain.interface.zero_gpu import on_gpu

ASK = Path(__file__).parent / "borrowed" / "ask.py"
WORK = Path(work.__file__).parent
ENDPOINTS = {endpoint.name: endpoint.function for endpoint in endpoints()}
TEXT = {"text": "A fine film.", "methods": ["input_x_gradient"]}
TEXTS = {"texts": ["A fine film.", "A bad film."], "methods": ["attention", "input_x_gradient"]}
QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("classification", {**TEXT, "target": "negative", "maps": True}),
    ("generation", {"text": "The president", "target": " said that", "methods": ["occlusion"]}),
    ("attention", {"text": "A fine film."}),
    ("ablation", {"text": "A fine film."}),
    ("layers", {"text": "A fine film."}),
    ("critical_heads", {"texts": TEXTS["texts"]}),
    ("agreement", TEXTS),
    ("faithfulness", {**TEXTS, "orders": 3, "beam": 1}),
    ("randomisation", TEXT),
    ("ground_truth", {"methods": ["input_x_gradient"]}),
    ("compare_prompts", TEXTS),
    ("keywords", {**TEXTS, "keywords": ["film"]}),
    ("template", {"templates": ["A {good|bad} [MASK]."], "target": "film", "methods": ["input_x_gradient"]}),
]


def test_all_answers_come_from_the_gpu_with_the_same_numbers() -> None:
    asked = [*QUESTIONS, ("classification", {"text": "film " * 600}), ("card", TEXT)]
    done = Python(str(ASK), given=json.dumps(asked), environment={"SPACES_ZERO_GPU": "true"}).wait()
    assert done.code == 0, done.err
    found = json.loads(done.out)
    *answers, refused, card = found["answers"]
    assert found["loaded"] == []
    assert found["borrowed"] >= len(asked) + 2
    for (name, arguments), answer in zip(QUESTIONS, answers, strict=True):
        same(answer, json.loads(json.dumps(ENDPOINTS[name](**arguments))), name)
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
    """Whoever loads a model for the page or an endpoint is marked, or is a helper that marked functions use."""
    asking = []
    for path in WORK.glob("*.py"):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef):
                called = {ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
                if called & {"explainer_of", "analysis_of", "TokenExplainer.from_pretrained", "load_model", "replay"}:
                    asking.append((function.name, [ast.unparse(mark) for mark in function.decorator_list]))
    assert len(asking) > 14
    assert [name for name, marks in asking if marks != ["on_gpu"]] == ["explainer_of", "analysis_of", "asked_of"]


def test_only_work_asks_models() -> None:
    for path in WORK.parent.rglob("*.py"):
        if path.parent != WORK:
            text = path.read_text(encoding="utf-8")
            assert "from_pretrained" not in text, path
            assert "load_model" not in text, path
            assert "explain.explainer" not in text, path
        else:
            assert "gradio" not in path.read_text(encoding="utf-8").replace("no gradio", ""), path
