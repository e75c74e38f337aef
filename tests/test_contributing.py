"""The worked examples of the contributor's guide run as they are written."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from explain import METHODS, TASKS
from explain.__main__ import main
from explain.models.bundled import FOLDER
from explain.sharing.exports import EXPORTS

GUIDE = Path(__file__).parents[1] / ".github/CONTRIBUTING.md"


@pytest.fixture(scope="module")
def guide() -> Iterator[dict[str, Any]]:
    """What the guide's code defines, run from top to bottom; what it registers is taken back."""
    module = types.ModuleType("guide")
    known = [(table, dict(table)) for table in (METHODS, TASKS, EXPORTS)]
    sys.modules[module.__name__] = module  # where the types of a dataclass's fields are looked up
    try:
        for code in re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            exec(compile(code, str(GUIDE), "exec", dont_inherit=True), module.__dict__)
        yield module.__dict__
    finally:
        del sys.modules[module.__name__]
        for table, before in known:
            table.clear()
            table.update(before)


def test_the_method_is_ten_lines_and_the_gradient_of_the_plain_model(guide: dict[str, Any]) -> None:
    attribution = guide["explanation"]["gradient_size"]
    assert attribution.title == "Gradient size"
    assert attribution.options == {"order": 1.0}
    plain = transformers.AutoModelForSequenceClassification.from_pretrained(FOLDER / "bert-mini", dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(FOLDER / "bert-mini")
    embeddings = plain.get_input_embeddings()(tokenizer("It is not a good movie.", return_tensors="pt")["input_ids"]).detach()
    logits = plain(inputs_embeds=embeddings.requires_grad_()).logits[0]
    (gradient,) = torch.autograd.grad(logits[attribution.target.index], embeddings)
    np.testing.assert_allclose(attribution.scores, gradient[0].abs().sum(-1).numpy(), rtol=1e-4)
    source = re.search(r"class GradientSize.*?^```", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert source is not None
    lines = [line for line in source[0].splitlines()[1:-1] if line.strip() and '"""' not in line]
    assert len(lines) <= 10


def test_the_method_is_known_by_its_name(guide: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["text", "Good.", "--method", "gradient_size", "--option", "gradient_size.order=2"]) == 0
    assert "Gradient size: How much the score can change" in capsys.readouterr().out
    assert main(["text", "Good.", "--method", "gradient_size", "--option", "gradient_size.order=0"]) == 2
    assert "option order must be at least 1" in capsys.readouterr().err


def test_the_task_asks_a_contrast_about_its_own_sentence(guide: dict[str, Any]) -> None:
    review = guide["review"]
    assert (review.task, review.target.text, review.foil.text) == ("review", "good", "bad")
    assert review.text == "The acting is wonderful. All in all it was [MASK]."
    assert review["lrp"].output == pytest.approx(review.target.logit - review.foil.logit, abs=1e-4)


def test_the_export_has_a_flag(guide: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "scores.md"
    assert main(["text", "Good.", "--method", "attention", "--method", "occlusion", "--markdown", str(file)]) == 0
    rows = [line.split(" | ") for line in file.read_text().splitlines()]
    assert [row[0] for row in rows] == ["[CLS]", "Good", ".", "[SEP]"]
    assert all(len(row) == 3 for row in rows)
