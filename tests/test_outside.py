"""A method and a task that are defined here, outside of the package, are treated like its own everywhere."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor
from zoo import tiny

from explain import (
    METHODS,
    TASKS,
    Encoding,
    Family,
    InputError,
    Method,
    Question,
    Score,
    Target,
    TargetError,
    TokenExplainer,
    add_method,
    add_task,
    evaluate_agreement,
    evaluate_faithfulness,
    option,
)
from explain.interface.endpoints import endpoints
from explain.models.instrumented import InstrumentedModel
from explain.models.tasks.next_token import NextToken
from explain.visualization.page import page


@dataclass(frozen=True)
class Length(Method):
    """How many characters a token has, to a power."""

    name, title, family, signed = "length", "Length", Family.EXTERNAL, False
    summary, caution, reference = "Long tokens count more.", "The model is not even asked.", "here"
    power: float = option(1.0, "The power.", minimum=0.5, maximum=3.0)

    def compute(self, score: Score) -> np.ndarray:
        return np.array([float(len(token.text)) ** self.power for token in score.encoding.tokens])


class Asks(NextToken):
    """Does the text go on as a question or as a statement? Two answers, from the logits of what would end it."""

    name = "asks"
    title = "Question or statement"
    intro = "Which tokens made it a question?"
    asks = {"target": "Answer to explain", "foil": "rather than"}
    ends = {"question": "not", "statement": "very"}

    def logits(self, model: InstrumentedModel, encoding: Encoding, inputs: dict[str, Tensor], positions: Tensor | None) -> Tensor:
        ids = [model.tokenizer(end, add_special_tokens=False)["input_ids"][0] for end in self.ends.values()]
        return super().logits(model, encoding, inputs, positions)[:, ids]

    def candidate_text(self, model: InstrumentedModel, index: int) -> str:
        return list(self.ends)[index]

    def target(self, model: InstrumentedModel, logits: Tensor, given: str | int) -> Target:
        if given not in self.ends:
            raise TargetError(f"{given!r} is neither question nor statement.")
        return self.describe(model, logits, list(self.ends).index(str(given)))


@pytest.fixture
def known() -> Iterator[None]:
    """Both by their names; what is added is taken back."""
    before = [(table, dict(table)) for table in (METHODS, TASKS)]
    add_method(Length)
    add_task(Asks)
    yield
    for table, names in before:
        table.clear()
        table.update(names)


@pytest.fixture
def explainer() -> Iterator[TokenExplainer]:
    made = tiny("gpt2-next")
    with TokenExplainer(made.model, made.tokenizer, task=Asks()) as explainer:
        yield explainer


TEXT = "the film was not very good but actors saved it"


def test_the_method_is_at_most_ten_lines() -> None:
    lines = [line for line in inspect.getsource(Length).splitlines() if line.strip() and '"""' not in line]
    assert len(lines) <= 10


def test_both_explain_without_being_registered(explainer: TokenExplainer) -> None:
    found = explainer.analyze(
        TEXT, [Length(power=2.0), "lrp", "integrated_gradients", "attention", "shap"], target="question", foil="statement"
    )
    assert found["length"].scores.tolist() == [float(len(token.text)) ** 2 for token in found.tokens]
    assert (found.task, found.target.text, found.foil.text if found.foil else None) == ("asks", "question", "statement")
    made = tiny("gpt2-next")
    logits = made.logits(TEXT)[-1].log_softmax(-1)
    first, second = (made.tokenizer.convert_tokens_to_ids(word) for word in ("not", "very"))
    assert found["lrp"].output == pytest.approx(float(logits[first] - logits[second]), abs=1e-5)
    shares = torch.stack([logits[first], logits[second]]).softmax(-1)
    assert [c.probability for c in found.prediction.candidates] == pytest.approx(sorted(shares.tolist(), reverse=True), abs=1e-5)
    assert found["integrated_gradients"].within_tolerance
    with pytest.raises(TargetError, match="neither question nor statement"):
        explainer.analyze(TEXT, ["lrp"], target="shout")


def test_both_are_drawn_and_written(explainer: TokenExplainer) -> None:
    found = explainer.analyze(TEXT, [Length(), "lrp"], target="question")
    figure = explainer.show_heatmap(found)
    assert "Length" in str(figure.to_dict())
    written = page(found)
    assert "Length" in written
    assert "Long tokens count more." in written
    assert found.to_frame()["length"].tolist() == found["length"].scores.tolist()
    assert str(found.summary())


def test_both_are_evaluated(explainer: TokenExplainer) -> None:
    texts = [TEXT, "the plot was bad but it was not very bad"]
    ranking = evaluate_faithfulness(explainer, texts, [Length(), "input_x_gradient"])
    assert set(ranking.overall) == {"length", "input_x_gradient"}
    assert set(evaluate_agreement(explainer, texts, [Length(), "input_x_gradient", "occlusion"]).methods) >= {"length", "occlusion"}


@pytest.mark.usefixtures("known")
def test_both_are_known_by_their_names(explainer: TokenExplainer) -> None:
    found = explainer.analyze(TEXT, ["length"], options={"length": {"power": 3}})
    assert found["length"].options == {"power": 3.0}
    with pytest.raises(InputError, match=r"length: option power must be between 0\.5 and 3\.0, got 9"):
        explainer.analyze(TEXT, ["length"], options={"length": {"power": 9}})
    made = tiny("gpt2-next")
    with TokenExplainer(made.model, made.tokenizer, task="asks") as other:
        assert other.analyze(Question(TEXT, target="statement"), ["length"]).target.text == "statement"


@pytest.mark.usefixtures("known")
def test_both_have_their_place_among_the_endpoints() -> None:
    """The same table makes the app's and the server's endpoints; `interface/test_endpoints.py` asks them over the wire."""
    table = {endpoint.name: endpoint for endpoint in endpoints()}
    asked = ["text", "model", "methods", "target", "foil", "options", "maps", "by", "messages", "documents", "spans"]
    assert [parameter.name for parameter in table["asks"].parameters] == asked
    found = table["classification"](text="A delight.", model="bert-mini", methods=["length", "occlusion"], options={"length": {"power": 2}})
    assert found["methods"]["length"]["scores"] == [float(len(token["text"])) ** 2 for token in found["tokens"]]
    with pytest.raises(InputError, match="'model' must be given: no model on board is made for asks"):
        table["asks"](text="A delight.")
