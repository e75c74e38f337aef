"""What the repository promises beside its code: the Space's front matter, the weights' sizes, the commands of the README."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from huggingface_hub import SpaceCard
from packaging.requirements import Requirement

import explain
from explain.__main__ import main
from explain.models.bundled import FOLDER, bundled_names

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MEGABYTE = 1_000_000


def requirements(path: Path) -> dict[str, Requirement]:
    parsed = [Requirement(line) for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {requirement.name: requirement for requirement in parsed}


def test_the_front_matter_is_a_space_of_the_pinned_gradio() -> None:
    card = SpaceCard.load(ROOT / "README.md").data.to_dict()
    assert card["sdk"] == "gradio"
    assert str(requirements(ROOT / "requirements.txt")["gradio"].specifier) == f"=={card['sdk_version']}"
    assert (ROOT / card["app_file"]).is_file()
    assert len(card["short_description"]) <= 60


@pytest.mark.parametrize("file", ["requirements.txt", "tests/requirements.txt"])
def test_every_requirement_has_an_upper_bound(file: str) -> None:
    for requirement in requirements(ROOT / file).values():
        assert any(part.operator in ("<", "==") for part in requirement.specifier), requirement


def test_the_workflows_use_actions_by_commit_alone() -> None:
    used = [line for path in (ROOT / ".github/workflows").glob("*.yml") for line in re.findall(r"uses: (\S+)", path.read_text())]
    assert len(used) > 4
    assert [action for action in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}|\./\S+", action)] == []


def test_torch_is_the_range_that_takes_the_cpu_build() -> None:
    assert requirements(ROOT / "requirements.txt")["torch"].specifier == Requirement("torch>=2.8,<2.14").specifier


def test_the_weights_can_be_pushed_without_large_file_storage() -> None:
    assert bundled_names() == ("bert-mini", "distilbert-mini", "gpt2-mini", "t5-mini")
    shards = list(FOLDER.glob("*/*.safetensors"))
    assert all(shard.stat().st_size < 10 * MEGABYTE for shard in shards)
    assert sum(shard.stat().st_size for shard in shards) <= 140 * MEGABYTE


@pytest.mark.parametrize("name", ["bert-mini", "distilbert-mini", "gpt2-mini", "t5-mini"])
def test_every_checkpoint_has_a_card_and_its_recipe(name: str) -> None:
    assert (FOLDER / name / "README.md").read_text().startswith("---\n")
    assert (FOLDER / name / "train.py").is_file()


def test_ci_runs_the_test_command_of_the_readme() -> None:
    command = re.search(r"pip install (-r requirements.txt -r tests/requirements.txt) && (pytest)", (ROOT / "README.md").read_text())
    assert command is not None
    script = (ROOT / ".ci/run").read_text()
    assert command[1] in script
    assert re.search(rf"^EXPLAIN_REQUIRE_BROWSER=1 {command[2]}$", script, re.MULTILINE)


def test_the_package_with_its_app_is_what_a_space_installs() -> None:
    extra = PROJECT["project"]["optional-dependencies"]["app"]
    assert [Requirement(line).name for line in extra] == ["gradio", "datasets", "pyarrow"]
    assert PROJECT["project"]["optional-dependencies"]["dataset"] == extra[1:]
    stated = {Requirement(line).name: Requirement(line) for line in [*extra, *PROJECT["project"]["dependencies"]]}
    assert stated == requirements(ROOT / "requirements.txt")


def test_the_versions_agree() -> None:
    assert f"version: {explain.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    newest = re.search(r"^## .*?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == explain.__version__


def test_the_command_is_the_one_of_the_package() -> None:
    module, _, name = PROJECT["project"]["scripts"]["explain"].partition(":")
    assert getattr(import_module(module), name) is main


def test_the_package_takes_everything_along_that_is_not_code() -> None:
    data = PROJECT["tool"]["setuptools"]["package-data"]
    taken = {
        path for package, patterns in data.items() for pattern in patterns for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    there = {path for path in (ROOT / "explain").rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert there <= taken
    assert ROOT / "explain/py.typed" in taken
    assert ROOT / "explain/models/bundled/bert-mini/model.safetensors.index.json" in taken
