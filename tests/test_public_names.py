"""What `from explain import …` gives, and that nothing is loaded before it is used."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import explain
from explain import METHODS, Method, TokenExplainer

ROOT = Path(__file__).parents[1]
HEAVY = (
    "torch",
    "transformers",
    "gradio",
    "captum",
    "shap",
    "plotly",
    "pandas",
    "matplotlib",
    "accelerate",
    "numba",
    "scipy",
    "sklearn",
    "datasets",
    "pyarrow",
)


def loaded(*stages: str) -> list[set[str]]:
    """The heavy libraries that a fresh process has loaded after each of these pieces of code, which say nothing to stderr."""
    code = "\n".join(["import sys", *(f"{stage}\nprint(*sys.modules)" for stage in stages)])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"OMP_NUM_THREADS": "1", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert not done.stderr
    return [set(HEAVY) & {name.split(".")[0] for name in line.split()} for line in done.stdout.splitlines()[-len(stages) :]]


HELP = "import runpy\nsys.argv = [{0!r}, *{1}, '--help']\ntry: runpy.run_{2}({0!r}, run_name='__main__')\nexcept SystemExit: print()"
LIGHT = {
    "the package": "import explain; explain.__version__; dir(explain)",
    "light names": "from explain import ExplainError, Question, Unit",
    "what is shared": "from explain.sharing import exports, permalink, request",
    "help": HELP.format("explain", [], "module"),
    "help of a command": HELP.format("explain", ["text"], "module"),
    "help of a data set": HELP.format("explain", ["dataset"], "module"),
    "help of the app": HELP.format("gradio_app.py", [], "path"),
}


@pytest.mark.parametrize("code", LIGHT.values(), ids=LIGHT)
def test_nothing_heavy_is_loaded_by(code: str) -> None:
    assert loaded(code) == [set()]


def test_a_library_is_loaded_when_it_is_needed() -> None:
    """The names need torch alone, asking neither plots nor the libraries of other methods, and no method plots or the app."""
    names, asking, others = loaded(
        "from explain import METHODS, TokenExplainer, add_method, add_task, evaluate_faithfulness, compare_prompts",
        "asked = TokenExplainer.from_pretrained('bert-mini', task='classification')\nasked.analyze('Good.', ['lrp', 'attention'])",
        "asked.analyze('Good.', ['attention_rollout', 'integrated_gradients', 'occlusion']).to_dict()",
    )
    assert names - {"transformers"} == {"torch"}
    assert "transformers" in asking
    assert not asking & {"gradio", "captum", "shap", "plotly", "pandas", "matplotlib", "numba"}
    assert "captum" in others
    assert not others & {"gradio", "shap", "plotly", "pandas", "numba"}


def test_every_name_is_there_and_is_that_of_its_module() -> None:
    assert list(explain.__all__) == sorted(set(explain.__all__))
    assert set(explain.__all__) <= set(dir(explain))
    for name in explain.__all__:
        value = getattr(explain, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__name__ == name
            assert (value.__doc__ or "").strip(), name


def test_type_checkers_read_the_same_names() -> None:
    tree = ast.parse(Path(explain.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {(node.module, alias.name, alias.asname) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed == {(home, name, name) for name, home in explain._HOME.items()}


def test_every_method_can_be_imported() -> None:
    exported = {value for name in explain.__all__ if inspect.isclass(value := getattr(explain, name)) and issubclass(value, Method)}
    assert exported - {Method} == set(METHODS.values())


def test_a_name_that_is_not_there_is_said() -> None:
    with pytest.raises(AttributeError, match="module 'explain' has no attribute 'Explainer'"):
        explain.Explainer  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Explainer'"):
        from explain import Explainer  # noqa: F401


def test_the_class_is_the_one_of_its_module() -> None:
    from explain.explainer import TokenExplainer as Own

    assert TokenExplainer is Own
