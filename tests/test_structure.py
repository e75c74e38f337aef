"""The house: arrows go down only, no circle, gradio in one place, no registry where results are drawn, and a test for every module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "explain"
LAYERS = (
    *("errors", "defaults", "messages", "types", "checks", "tokens", "segments", "intervals", "similarity", "completeness"),
    *("summary", "results", "models", "methods", "inside", "evaluation", "prompts", "analysis", "explainer", "cost", "dataset"),
    *("visualization", "sharing", "interface", "commands", "__main__"),
)
"""From the bottom to the top: a layer imports those before it, never one after it."""
LAZY = {
    ("explain.explainer", "explain.visualization"): "show_heatmap, show_attention, show_attention_flow and visualize=True draw",
}
"""The arrows up that are allowed, inside a function, and why."""


@dataclass(frozen=True)
class Import:
    """What one module imports when it runs."""

    module: str
    names: tuple[str, ...]
    in_function: bool


@cache
def modules() -> dict[str, Path]:
    """Every module of the package; not the scripts beside the bundled checkpoints, which run alone."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if "bundled" in parts and parts[-1] != "__init__":
            continue
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_in(node: ast.AST, in_function: bool = False) -> Iterator[Import]:
    """The imports below a node that are executed at some time; those for type checkers alone are none."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        for other in node.orelse:
            yield from imports_in(other, in_function)
        return
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, (), in_function) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute here"
        yield Import(node.module or "", tuple(alias.name for alias in node.names), in_function)
    inside = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    for child in ast.iter_child_nodes(node):
        yield from imports_in(child, inside)


@cache
def imports_of(module: str) -> tuple[Import, ...]:
    return tuple(imports_in(ast.parse(modules()[module].read_text(encoding="utf-8"))))


def own(found: Import) -> Iterator[str]:
    """The modules of ours that an import loads by name."""
    if found.module.split(".")[0] != "explain":
        return
    below = [f"{found.module}.{name}" for name in found.names]
    yield from (name for name in below if name in modules())
    if not found.names or any(name not in modules() for name in below):
        yield found.module


def layer(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_imports_for_type_checkers_are_told_from_others() -> None:
    code = """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import gradio
else:
    import one
def f():
    from two import three
"""
    found = list(imports_in(ast.parse(code)))
    assert [(one.module, one.names, one.in_function) for one in found] == [
        ("typing", ("TYPE_CHECKING",), False),
        ("one", (), False),
        ("two", ("three",), True),
    ]


def test_every_part_of_the_package_has_a_layer() -> None:
    assert {layer(module) for module in modules()} - {""} == set(LAYERS)
    assert len(LAYERS) == len(set(LAYERS))


def test_arrows_go_down_only() -> None:
    wrong, used = [], set()
    for module in modules():
        if not layer(module):
            continue  # the package itself hands names on when they are asked for
        for found in imports_of(module):
            for imported in own(found):
                if not layer(imported):
                    if found.names != ("__version__",) and found.module == "explain":
                        wrong.append(f"{module} imports {', '.join(found.names)} from the package, not from where it is")
                    continue
                if layer(imported) == layer(module) or LAYERS.index(layer(imported)) < LAYERS.index(layer(module)):
                    continue
                exception = next((pair for pair in LAZY if module == pair[0] and imported.startswith(pair[1])), None)
                if exception and found.in_function:
                    used.add(exception)
                else:
                    wrong.append(f"{module} imports {imported}")
    assert wrong == []
    assert used == set(LAZY), "an exception that nobody needs"


def test_there_is_no_circle() -> None:
    """Whatever imports a module of another file, now or when a function runs, is never imported by it."""
    graph = {
        module: {imported for found in imports_of(module) for imported in own(found) if imported != module and layer(imported)}
        for module in modules()
        if layer(module)
    }
    for module, above in LAZY:
        graph[module] = {imported for imported in graph[module] if not imported.startswith(above)}
    while graph:
        ends = {module for module, imported in graph.items() if not imported & set(graph)}
        assert ends, f"these import each other: {sorted(graph)}"
        graph = {module: imported for module, imported in graph.items() if module not in ends}


def test_gradio_is_imported_by_the_interface_alone() -> None:
    for module in modules():
        names = {found.module.split(".")[0] for found in imports_of(module)}
        assert layer(module) == "interface" or not names & {"gradio", "gradio_client", "spaces"}, module


def test_work_and_limits_of_the_interface_need_no_gradio() -> None:
    for module in modules():
        if module.startswith("explain.interface.work"):
            assert not any(found.module.split(".")[0] == "gradio" for found in imports_of(module)), module


def test_results_are_drawn_and_summed_up_without_any_registry() -> None:
    registries = {
        "explain.methods.catalog",
        "explain.explainer",
        "explain.models.tasks",
        "explain.models.catalog",
        "explain.models.loading",
    }
    for module in modules():
        if layer(module) in ("visualization", "results", "summary"):
            loaded = {imported for found in imports_of(module) for imported in own(found)}
            assert not loaded & registries, module


def test_no_file_is_long_without_a_reason() -> None:
    """At most 250 lines, and those that have more are looked at again."""
    long = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in modules().items()}
    assert {module for module, lines in long.items() if lines > 250} == set()


TESTED_BY = {
    "explain.__main__": "test_main.py",
    "explain.defaults": "test_public_names.py",
    "explain.dataset.batches": "dataset/test_run.py",
    "explain.dataset.reader": "dataset/test_run.py",
    "explain.dataset.schema": "dataset/test_run.py",
    "explain.similarity": "evaluation/test_agreement.py",
    "explain.dataset.findings.errors": "dataset/findings/test_finding.py",
    "explain.dataset.findings.found": "dataset/findings/test_finding.py",
    "explain.dataset.findings.joining": "dataset/findings/test_beside.py",
    "explain.dataset.findings.pairs": "dataset/findings/test_beside.py",
    "explain.dataset.findings.reading": "dataset/findings/test_finding.py",
    "explain.dataset.findings.result": "dataset/findings/test_finding.py",
    "explain.dataset.findings.rows": "dataset/findings/test_finding.py",
    "explain.dataset.findings.where": "dataset/findings/test_contexts.py",
    "explain.dataset.findings.words": "dataset/findings/test_finding.py",
    "explain.evaluation.curves": "evaluation/test_faithfulness.py",
    "explain.evaluation.features": "evaluation/test_faithfulness.py",
    "explain.evaluation.labels": "evaluation/test_ranking.py",
    "explain.evaluation.texts": "evaluation/test_ranking.py",
    "explain.interface.page": "interface/test_app.py",
    "explain.interface.presets": "interface/test_app.py",
    "explain.interface.record": "interface/test_logs.py",
    "explain.interface.streaming": "interface/test_serving.py",
    "explain.methods.lrp_functions": "methods/test_lrp_operations.py",
    "explain.methods.lrp_ledger": "methods/test_lrp.py",
    "explain.methods.lrp_propagation": "methods/test_lrp.py",
    "explain.methods.maximum_flow": "methods/test_attention_flow.py",
    "explain.methods.shap_explainers": "methods/test_shapley.py",
    "explain.models.identity": "sharing/test_card.py",
    "explain.prompts.template_probe": "prompts/test_templates.py",
    "explain.sharing.replay": "sharing/test_card.py",
    "explain.visualization.document": "visualization/test_page.py",
    "explain.visualization.findings_parts": "visualization/test_findings_page.py",
    "explain.visualization.findings_terminal": "visualization/test_findings_page.py",
    "explain.visualization.canvas": "visualization/test_static.py",
    "explain.visualization.lines": "visualization/test_network.py",
    "explain.visualization.notebook": "test_examples.py",
}
"""Modules without a test file of their name, and the file that tests them."""
FOLDERS = ("explain.interface.tabs", "explain.interface.endpoints", "explain.interface.work", "explain.commands", "explain.summary")
"""Tested as a whole: in a browser, by a client, on the command line, and by the verdicts that the parts make together."""


def test_every_module_has_a_test_of_its_name() -> None:
    tests = {path.relative_to(ROOT / "tests").as_posix() for path in (ROOT / "tests").rglob("test_*.py")}
    missing = []
    for module, path in modules().items():
        if path.name == "__init__.py" or module.startswith(FOLDERS):
            continue
        if module in TESTED_BY:
            assert TESTED_BY[module] in tests, module
            continue
        folder = path.relative_to(PACKAGE).parent.as_posix()
        wanted = f"test_{path.stem}.py" if folder == "." else f"{folder}/test_{path.stem}.py"
        if wanted not in tests:
            missing.append(wanted)
    assert missing == []


@pytest.mark.parametrize("module", TESTED_BY)
def test_what_is_tested_elsewhere_exists(module: str) -> None:
    assert module in modules()
