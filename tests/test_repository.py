"""What the repository promises beside its code: the Space's front matter, the weights' sizes, the commands of the README."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from huggingface_hub import SpaceCard
from packaging.requirements import Requirement

from explain.models.bundled import FOLDER, bundled_names

ROOT = Path(__file__).parents[1]
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


def test_torch_is_the_range_that_takes_the_cpu_build() -> None:
    assert requirements(ROOT / "requirements.txt")["torch"].specifier == Requirement("torch>=2.8,<2.14").specifier


def test_the_weights_can_be_pushed_without_large_file_storage() -> None:
    assert bundled_names() == ("bert-mini", "distilbert-mini", "gpt2-mini", "t5-mini")
    shards = list(FOLDER.glob("*/*.safetensors"))
    assert all(shard.stat().st_size < 10 * MEGABYTE for shard in shards)
    assert sum(shard.stat().st_size for shard in shards) <= 75 * MEGABYTE


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


def test_the_package_takes_its_weights_along() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    assert data["explain.models.bundled"] == ["*/*"]
