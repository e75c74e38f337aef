"""The named endpoints through gradio_client: the numbers of the core, its errors, and a contract of names."""

from __future__ import annotations

import inspect
import math
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
import numpy as np
import pytest
from gradio_client import Client

from explain import __version__
from explain.defaults import DEFAULT_METHODS
from explain.errors import ExplainError
from explain.evaluation import (
    FaithfulnessRanking,
    FaithfulnessSettings,
    Granularity,
    MeanAgreement,
    Replacement,
    agreement,
    ground_truth,
    iter_faithfulness,
    randomisation_check,
)
from explain.explainer import TokenExplainer
from explain.inside.report import ablation_report, layer_report
from explain.interface import endpoints
from explain.methods.attention import AttentionWeights
from explain.methods.catalog import METHODS
from explain.methods.method import Method
from explain.models.score import Score
from explain.models.tasks import TASKS
from explain.models.tasks.classification import Classification
from explain.prompts import align, compare_prompts, method_difference, minimal_pair, probe_template, track_keywords
from explain.types import Family

FOREVER = 600
LIGHT = "distilbert-mini"

CHAT = ("messages", "documents", "spans")
PARAMETERS = {
    "/classification": ("text", "model", "methods", "target", "foil", "unit", "options", "maps", "by", "spans"),
    "/masked_lm": ("text", "model", "methods", "target", "foil", "unit", "position", "options", "maps", "by", "spans"),
    "/next_token": ("text", "model", "methods", "target", "foil", "unit", "options", "maps", "by", *CHAT),
    "/span_infilling": (
        *("text", "model", "methods", "target", "foil", "unit", "position", "step", "options", "maps"),
        *("by", "span", "spans"),
    ),
    "/generation": ("text", "model", "methods", "target", "foil", "unit", "step", "options", "maps", "by", "span", *CHAT),
    "/embedding": ("text", "model", "methods", "options", "maps", "by", "spans"),
    "/catalog": (),
    "/health": (),
    "/attention": ("text", "task", "model", "position"),
    "/ablation": ("text", "task", "model", "target", "foil", "unit", "position", "step", "off"),
    "/layers": ("text", "task", "model", "target", "foil", "unit", "position", "step"),
    "/critical_heads": ("texts", "task", "model", "target", "foil", "unit", "off", "seed"),
    "/context": ("messages", "documents", "spans", "model", "methods", "target", "unit", "options", "segments", "seed"),
    "/agreement": ("texts", "task", "model", "methods", "target", "foil", "unit", "options", "k"),
    "/faithfulness": (
        *("texts", "task", "model", "methods", "target", "foil", "unit", "options"),
        *("replacement", "granularity", "orders", "beam", "seed"),
    ),
    "/randomisation": ("text", "task", "model", "methods", "target", "foil", "unit", "options", "seed"),
    "/ground_truth": ("task", "model", "methods", "options"),
    "/compare_answers": (
        *("text", "target", "foil", "task", "model", "methods", "measure"),
        *("unit", "options", "by", *CHAT[:2], "spans"),
    ),
    "/compare_prompts": ("texts", "task", "model", "methods", "target", "foil", "unit", "options"),
    "/keywords": ("texts", "keywords", "task", "model", "methods", "target", "foil", "unit", "options", "replacement"),
    "/template": ("templates", "target", "foil", "task", "model", "methods", "unit", "options"),
    "/findings": (
        *("texts", "labels", "task", "model", "methods", "target", "foil", "unit", "options"),
        *("keywords", "slices", "minimum", "measure"),
    ),
    "/card": ("text", "task", "model", "methods", "target", "foil", "unit", "position", "step", "options", "span", *CHAT, "measure"),
    "/replay": ("card",),
}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server with the endpoints alone."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with gr.Blocks(analytics_enabled=False) as demo:
        endpoints.build()
    demo.queue(max_size=64).launch(server_name="127.0.0.1", server_port=port, prevent_thread_lock=True, quiet=True, inbrowser=False)
    yield f"http://127.0.0.1:{port}"
    demo.close(verbose=False)


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Client]:
    client = Client(address, verbose=False, analytics_enabled=False)
    yield client
    client.close()


@dataclass(frozen=True)
class Asked:
    task: str
    text: str
    model: str
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def question(self) -> dict[str, Any]:
        return {name: value for name, value in self.more.items() if name not in ("methods", "options")}

    def of_core(self, *, maps: bool = False) -> dict[str, Any]:
        with TokenExplainer.from_pretrained(self.model, task=self.task) as explainer:
            return explainer.analyze(self.text, **{"methods": DEFAULT_METHODS, **self.more}).to_dict(maps=maps)

    def of(self, client: Client, *, maps: bool = False) -> dict[str, Any]:
        given = {**self.more, "text": self.text, "model": self.model, "maps": maps}
        result: dict[str, Any] = client.submit(**given, api_name=f"/{self.task}").result(timeout=FOREVER)
        return result


def same(given: Any, expected: Any, path: str = "result") -> None:
    """Equal in structure and text, and to 1e-6 in numbers; times may differ."""
    if isinstance(expected, dict):
        assert isinstance(given, dict), path
        assert sorted(given) == sorted(expected), path
        for key in expected:
            if key != "seconds":
                same(given[key], expected[key], f"{path}.{key}")
    elif isinstance(expected, list | tuple):
        assert len(given) == len(expected), path
        for number, (one, other) in enumerate(zip(given, expected, strict=True)):
            same(one, other, f"{path}[{number}]")
    elif isinstance(expected, float) and not isinstance(given, bool):
        assert math.isclose(given, expected, rel_tol=1e-6, abs_tol=1e-6), (path, given, expected)
    else:
        assert given == expected, path


DEFAULTS = [
    Asked("masked_lm", "Paris is the capital of [MASK].", "bert-mini"),
    Asked("classification", "The plot is thin, but the acting is wonderful.", "bert-mini"),
    Asked("next_token", "The doctor told the patient to take the", "gpt2-mini"),
    Asked("span_infilling", "She went to the <extra_id_0> to buy some bread.", "t5-mini", {"methods": ["lrp", "attention"]}),
    Asked("generation", "The president said that", "gpt2-mini", {"target": " the country was", "methods": ["lrp", "attention"]}),
    Asked("embedding", "The cat sat on the mat.", "bert-mini"),
]
OPTIONS = {"integrated_gradients": {"steps": 8}, "attention": {"layer": 1, "head": 0}}
ASKED = [
    Asked("masked_lm", "The keys [MASK] on the [MASK].", "bert-mini", {"target": "are", "foil": "is", "position": 0}),
    Asked("masked_lm", "The keys [MASK] on the [MASK].", "bert-mini", {"position": 1, "unit": "probability"}),
    Asked("masked_lm", "She works in a [MASK].", "bert-mini", {"unit": "log_probability", "options": OPTIONS}),
    Asked("classification", "A fine film.", "bert-mini", {"target": "negative", "foil": "positive"}),
    Asked("classification", "A fine film.", "bert-mini", {"methods": ["input_x_gradient"], "unit": "probability"}),
    Asked("classification", "A fine film.", "distilbert-mini", {"target": "positive"}),
    Asked("classification", "A fine film.", "gpt2-mini", {"unit": "log_probability"}),
    Asked("classification", "A fine film.", "t5-mini", {"methods": ["lrp", "occlusion"]}),
    Asked("next_token", "The keys to the cabinet", "gpt2-mini", {"target": " are", "foil": " is"}),
    Asked("span_infilling", "Born in ___ and died in ___.", "t5-mini", {"position": 1, "step": 0, "methods": ["lrp", "occlusion"]}),
    Asked("generation", "The president said", "gpt2-mini", {"target": " he was", "step": 1, "unit": "logit", "methods": ["occlusion"]}),
    Asked("embedding", "A cat on a mat.", "distilbert-mini", {"options": {"integrated_gradients": {"steps": 8}}}),
]


def name_of(asked: Asked) -> str:
    return "-".join([asked.task, asked.model, *asked.more])


@pytest.mark.parametrize("asked", ASKED, ids=name_of)
def test_an_endpoint_gives_the_numbers_of_the_core(client: Client, asked: Asked) -> None:
    result = asked.of(client)
    same(result, asked.of_core())
    assert list(result["methods"]) == list(asked.more.get("methods", DEFAULT_METHODS))
    assert all("maps" not in found for found in result["methods"].values())


def test_what_was_asked_is_what_is_explained(client: Client) -> None:
    more = {"target": "are", "foil": "is", "unit": "log_probability", "options": OPTIONS}
    result = Asked("masked_lm", "The keys [MASK] on the table.", "bert-mini", more).of(client)
    assert (result["target"]["text"], result["foil"]["text"], result["unit"]) == ("are", "is", "log_probability")
    assert result["methods"]["integrated_gradients"]["options"]["steps"] == 8
    assert result["methods"]["attention"]["options"]["layer"] == 1
    assert result["methods"]["integrated_gradients"]["unit"] == "log_probability"


@pytest.mark.parametrize("asked", DEFAULTS, ids=name_of)
def test_defaults_and_maps_are_those_of_the_core(client: Client, asked: Asked) -> None:
    result = asked.of(client, maps=True)
    same(result, asked.of_core(maps=True))
    assert list(result["methods"]) == list(asked.more.get("methods", DEFAULT_METHODS))
    maps = result["methods"]["attention"]["maps"]
    assert set(maps) == ({"encoder", "decoder", "cross"} if asked.model == "t5-mini" else {"self"})
    for attention in maps.values():
        weights = np.array(attention)
        assert weights.ndim == 4
        np.testing.assert_allclose(weights.sum(-1), 1.0, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_runs_by_its_name(client: Client, method: str) -> None:
    asked = Asked("classification", "A fine film.", LIGHT, {"methods": [method]})
    same(asked.of(client), asked.of_core())


NEEDED = {"/compare_answers": 3, "/ground_truth": 0, "/catalog": 0, "/health": 0, "/keywords": 2, "/template": 2}


def test_the_endpoints_are_a_contract(client: Client) -> None:
    named: dict[str, Any] = client.view_api(return_format="dict")["named_endpoints"]
    assert set(named) == set(PARAMETERS)
    for endpoint, parameters in PARAMETERS.items():
        assert tuple(p["parameter_name"] for p in named[endpoint]["parameters"]) == parameters
        needed = list(parameters[: NEEDED.get(endpoint, 1)])
        assert [p["parameter_name"] for p in named[endpoint]["parameters"] if not p["parameter_has_default"]] == needed


def test_the_catalog_lists_tasks_models_and_methods(client: Client) -> None:
    catalog = client.predict(api_name="/catalog")
    assert set(catalog["tasks"]) == set(TASKS)
    assert catalog["default_methods"] == list(DEFAULT_METHODS)
    assert [method["name"] for method in catalog["methods"]] == list(METHODS)
    for task, found in catalog["tasks"].items():
        assert found["units"] == [unit.value for unit in TASKS[task].units]
        assert found["models"][0]["bundled"], task
    for method, given in zip(METHODS.values(), catalog["methods"], strict=True):
        same(given, method.describe())


@pytest.mark.parametrize("asked", DEFAULTS, ids=name_of)
def test_inside_endpoints_give_the_arrays_of_the_core(client: Client, asked: Asked) -> None:
    where = {"text": asked.text, "task": asked.task, "model": asked.model}
    with TokenExplainer.from_pretrained(asked.model, task=asked.task) as explainer:
        analysis = explainer.ask(asked.text, **asked.question).single()
        ablation = ablation_report(analysis.scores[0]).to_dict()
        layers = layer_report(analysis.scores[0]).to_dict()
        weights = explainer.ask(asked.text).single().run(AttentionWeights()).maps
    found = client.submit(**where, api_name="/attention").result(timeout=FOREVER)
    same(found["weights"], {group: values.tolist() for group, values in weights.items()})
    same(client.submit(**where, **asked.question, api_name="/ablation").result(timeout=FOREVER), ablation)
    given = client.submit(**where, **asked.question, api_name="/layers").result(timeout=FOREVER)
    assert len(given.pop("tokens")) == len(given["attention"][0])
    same(given, layers)


def test_critical_heads_come_with_intervals(client: Client) -> None:
    texts = ["A fine film.", "A dull film.", "I loved it."]
    found = client.submit(texts, model=LIGHT, target="positive", api_name="/critical_heads").result(timeout=FOREVER)
    each = [client.submit(text, model=LIGHT, target="positive", api_name="/ablation").result(timeout=FOREVER) for text in texts]
    effects = np.array([result["heads"]["self"]["effect"] for result in each])
    interval = {name: np.array(values) for name, values in found["heads"]["self"].items()}
    np.testing.assert_allclose(interval["mean"], effects.mean(0), atol=1e-6)
    assert (interval["low"] <= interval["mean"] + 1e-9).all()
    assert (interval["mean"] <= interval["high"] + 1e-9).all()
    with pytest.raises(Exception, match=r"'texts' .* must be a list of 1 to 100 entries .*, got \[\]"):
        client.submit([], api_name="/critical_heads").result(timeout=FOREVER)
    with pytest.raises(Exception, match=r"'off' .* must be one of zero, mean, got 'half'"):
        client.submit("Fine.", off="half", api_name="/ablation").result(timeout=FOREVER)


TWO = ["A fine and moving film.", "It is not a good movie."]
COMPARED = ["attention", "lrp", "occlusion"]


def test_agreement_gives_the_numbers_of_the_core(client: Client) -> None:
    found = client.submit(TWO[:1], model=LIGHT, methods=COMPARED, api_name="/agreement").result(timeout=FOREVER)
    with TokenExplainer.from_pretrained(LIGHT, task="classification") as explainer:
        each = [agreement(explainer.analyze(text, COMPARED)) for text in TWO]
    same(found, each[0].to_dict())
    found = client.submit(TWO, model=LIGHT, methods=COMPARED, api_name="/agreement").result(timeout=FOREVER)
    same(found, MeanAgreement.of(each).to_dict())
    with pytest.raises(Exception, match="at least two, got 1"):
        client.submit(TWO, methods=["lrp"], api_name="/agreement").result(timeout=FOREVER)
    with pytest.raises(Exception, match="a list of 1 to 100 entries"):
        client.submit(["A film."] * 101, api_name="/agreement").result(timeout=FOREVER)


def test_faithfulness_gives_the_numbers_of_the_core(client: Client) -> None:
    given = {"model": LIGHT, "methods": COMPARED, "orders": 5, "beam": 2, "granularity": "tokens", "replacement": "delete", "seed": 1}
    found = client.submit(TWO, **given, api_name="/faithfulness").result(timeout=FOREVER)
    with TokenExplainer.from_pretrained(LIGHT, task="classification") as explainer:
        settings = FaithfulnessSettings(Replacement.DELETE, Granularity.TOKENS, orders=5, beam=2, seed=1)
        each = list(iter_faithfulness(explainer, TWO, COMPARED, settings=settings))
    for one, other in zip(found["texts"], each, strict=True):
        same(one, other.to_dict())
    same(found["ranking"], FaithfulnessRanking.of(each, seed=1).to_dict())
    with pytest.raises(Exception, match=r"'replacement' .* must be one of auto, .*, got 'magic'"):
        client.submit(TWO, replacement="magic", api_name="/faithfulness").result(timeout=FOREVER)


def test_the_checks_give_the_numbers_of_the_core(client: Client) -> None:
    found = client.submit(TWO[0], model=LIGHT, methods=["lrp"], seed=2, api_name="/randomisation").result(timeout=FOREVER)
    with TokenExplainer.from_pretrained(LIGHT, task="classification") as explainer:
        same(found, randomisation_check(explainer, TWO[0], ["lrp"], seed=2).to_dict())
        known = ground_truth(explainer, ["input_x_gradient"]).to_dict()
    same(client.submit(model=LIGHT, methods=["input_x_gradient"], api_name="/ground_truth").result(timeout=FOREVER), known)
    with pytest.raises(Exception, match="no sentences with known evidence"):
        client.submit(task="embedding", api_name="/ground_truth").result(timeout=FOREVER)


PROMPTS = ["It is a good movie.", "It is not a good movie.", "It is not a bad movie."]
FRAMES = ["The {doctor|nurse} said that [MASK] would be late.", "The {doctor|nurse} knew that [MASK] was right."]


def test_prompts_give_the_numbers_of_the_core(client: Client) -> None:
    found = client.submit(PROMPTS, model=LIGHT, methods=COMPARED, target="positive", api_name="/compare_prompts").result(timeout=FOREVER)
    tracking = client.submit(PROMPTS, ["not", "good"], model=LIGHT, methods=COMPARED, target="positive", api_name="/keywords").result(
        timeout=FOREVER
    )
    with TokenExplainer.from_pretrained(LIGHT, task="classification") as explainer:
        comparison = compare_prompts(explainer, PROMPTS, COMPARED, target="positive")
        same(tracking, track_keywords(comparison, ["not", "good"], explainer=explainer).to_dict())
    for name, expected in comparison.to_dict().items():
        same(found[name], expected)
    same(found["changes"][0], minimal_pair(*comparison.explanations[:2]).to_dict())
    same(found["alignment"], align(comparison).to_dict())
    same(found["paired"][0], method_difference(comparison, *COMPARED[:2]).to_dict())
    with pytest.raises(Exception, match="at least 2 prompts to compare, got 1"):
        client.submit(PROMPTS[:1], api_name="/compare_prompts").result(timeout=FOREVER)
    with pytest.raises(Exception, match="'zebra' is in none of the 3 prompts"):
        client.submit(PROMPTS, ["zebra"], api_name="/keywords").result(timeout=FOREVER)


def test_templates_give_the_numbers_of_the_core(client: Client) -> None:
    found = client.submit(FRAMES, "she", "he", methods=["lrp"], api_name="/template").result(timeout=FOREVER)
    with TokenExplainer.from_pretrained("bert-mini", task="masked_lm") as explainer:
        same(found, probe_template(explainer, FRAMES, ["lrp"], target="she", foil="he").to_dict())
    with pytest.raises(Exception, match=r"'templates' .* must be a list of 1 to"):
        client.submit([], "she", api_name="/template").result(timeout=FOREVER)


BERT: dict[str, Any] = {"task": "masked_lm", "model": "bert-mini"}
BAD = {
    "empty": Asked(**BERT, text="  "),
    "no-mask": Asked(**BERT, text="Paris is a city."),
    "too-long": Asked(**BERT, text="[MASK] " + "word " * 3000),
    "unknown-target": Asked(**BERT, text="A [MASK].", more={"target": "qwrtzx"}),
    "same-foil": Asked(**BERT, text="A [MASK].", more={"target": "dog", "foil": "dog"}),
    "unknown-unit": Asked(**BERT, text="A [MASK].", more={"unit": "metres"}),
    "position": Asked(**BERT, text="A [MASK].", more={"position": 4}),
    "unknown-method": Asked(**BERT, text="A [MASK].", more={"methods": ["magic"]}),
    "method-twice": Asked(**BERT, text="A [MASK].", more={"methods": ["attention", "attention"]}),
    "unknown-option": Asked(**BERT, text="A [MASK].", more={"options": {"attention": {"colour": 1}}}),
    "option-type": Asked(**BERT, text="A [MASK].", more={"options": {"integrated_gradients": {"steps": "many"}}}),
    "option-bounds": Asked(**BERT, text="A [MASK].", more={"options": {"integrated_gradients": {"steps": 0}}}),
    "option-of-other-method": Asked(**BERT, text="A [MASK].", more={"methods": ["attention"], "options": {"occlusion": {}}}),
    "unknown-label": Asked("classification", "Fine.", "bert-mini", {"target": "angry"}),
    "unknown-model": Asked("masked_lm", "A [MASK].", "no such model!"),
    "model-of-other-task": Asked("span_infilling", "A ___.", "bert-mini"),
    "no-blank": Asked("span_infilling", "A dog.", "t5-mini"),
    "mixed-blanks": Asked("span_infilling", "A <extra_id_0> and ___.", "t5-mini"),
    "step": Asked("generation", "The president", "gpt2-mini", {"target": " said", "step": 9}),
    "markup": Asked("classification", "Fine.", "bert-mini", {"target": "<b>&'\""}),
}


@pytest.mark.parametrize("asked", BAD.values(), ids=BAD.keys())
def test_a_bad_input_gives_the_message_of_the_core(client: Client, asked: Asked) -> None:
    with pytest.raises(ExplainError) as expected:
        asked.of_core()
    with pytest.raises(Exception, match=r".+") as given:
        asked.of(client)
    assert str(given.value) == str(expected.value)


def test_an_error_of_ours_gives_a_reference_only(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(METHODS["lrp"], "attribute", broken)
    with pytest.raises(Exception, match=r"reference [0-9a-f]{8}") as given:
        DEFAULTS[0].of(client)
    assert "secret" not in str(given.value)


@pytest.fixture
def clients(address: str) -> Iterator[Callable[[], Client]]:
    made: list[Client] = []

    def another() -> Client:
        made.append(Client(address, verbose=False, analytics_enabled=False))
        return made[-1]

    yield another
    for client in made:
        client.close()


CHEAP = {"methods": ["lrp", "occlusion"]}


def test_two_clients_at_once_get_their_own_results(clients: Callable[[], Client]) -> None:
    asked = [
        Asked("masked_lm", "Paris is the capital of [MASK].", "bert-mini", CHEAP),
        Asked("masked_lm", "The cat [MASK] on the mat.", "bert-mini", CHEAP),
        Asked("embedding", "The cat sat on the mat.", "bert-mini", CHEAP),
        Asked("classification", "A waste of time and talent.", "bert-mini", CHEAP),
    ]
    two = [clients(), clients()]  # four lanes
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(one.of, two[number % 2]) for number, one in enumerate(asked * 2)]
        results = [future.result(timeout=FOREVER) for future in waiting]
    for one, result, again in zip(asked, results[:4], results[4:], strict=True):
        expected = one.of_core()
        same(result, expected)
        same(again, expected)


def test_health_tells_what_runs(client: Client) -> None:
    found = client.predict(api_name="/health")
    assert found["status"] == "ok"
    assert found["version"] == __version__
    assert found["uptime"] > 0
    assert found["models"] >= 0
    assert (found["running"], found["waiting_for_a_turn"], found["lanes"]) == (0, 0, 4)


def test_parameters_are_typed_and_described(client: Client) -> None:
    named: dict[str, Any] = client.view_api(return_format="dict")["named_endpoints"]
    asked = {item["parameter_name"]: item for item in named["/masked_lm"]["parameters"]}
    assert asked["text"]["type"] == {"type": "string"}
    assert asked["model"]["parameter_default"] == "bert-mini"
    assert asked["methods"]["type"] == {"oneOf": [{"type": "null"}, {"type": "array", "items": {"type": "string"}}]}
    assert asked["maps"]["type"] == {"type": "boolean"}
    for endpoint in endpoints.endpoints():
        assert named[f"/{endpoint.name}"]["description"] == endpoint.help
        described = inspect.getdoc(endpoint.function) or ""
        assert all(f"{item.name}: {item.help}" in described for item in endpoint.parameters)


class Shouting(Method):
    """A method from outside: the length of every token."""

    name = "shouting"
    title = "Shouting"
    summary = "How long a token is."
    caution = "Nothing about the model."
    reference = "None."
    family = Family.EXTERNAL
    signed = False

    def compute(self, score: Score) -> np.ndarray[Any, Any]:
        return np.array([len(token.text) for token in score.encoding.tokens], dtype=np.float64)


class Mood(Classification):
    """A task from outside, which asks less."""

    name = "mood"
    intro = "Which tokens give the mood?"
    asks = {"target": "Mood to explain"}


def test_tasks_and_methods_that_are_added_have_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TASKS, "mood", Mood)
    monkeypatch.setitem(METHODS, "shouting", Shouting)
    made = {endpoint.name: endpoint for endpoint in endpoints.endpoints()}
    mood = made["mood"].function
    assert list(inspect.signature(mood).parameters) == ["text", "model", "methods", "target", "options", "maps", "by", "spans"]
    with pytest.raises(ExplainError, match="'model' must be given: no model on board is made for mood"):
        mood("A fine film.")
    found = mood("A fine film.", "bert-mini", ["shouting"], target="positive")
    assert found["task"] == "mood"
    assert found["methods"]["shouting"]["scores"] == [0, 1, 4, 4, 1, 0]
    assert made["agreement"].function(["A fine film."], "mood", "bert-mini", ["shouting", "lrp"])["methods"] == ["shouting", "lrp"]
