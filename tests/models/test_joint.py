"""Several texts as rows of one batch: every number is that of the text alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from alike import same
from zoo import FAMILIES, WORDS, Tiny, tiny

from explain import LRP, METHODS, InputError, Occlusion, Question, Replacement, TargetError, TokenExplainer, UnsupportedError
from explain.analysis import Analysis, run_many
from explain.errors import ExplainError
from explain.methods.catalog import make_methods
from explain.methods.method import Method, MethodResult
from explain.models.joint import batches
from explain.models.score import Score
from explain.results import Attribution

BATCHED = ("input_x_gradient", "lrp", "attention", "occlusion")
LOOSE = ("t5", "llama", "qwen2", "modernbert")
"""They compute in float32 inside whatever their own precision."""


def texts_for(made: Tiny, count: int = 4) -> list[str]:
    """Texts of one length with their mask or blank at different places, and a shorter one."""
    chance = random.Random(0)
    words = [[w if w in ("[MASK]", "___") else chance.choice(WORDS) for w in made.text.split()] for _ in range(count)]
    for row in words:
        chance.shuffle(row)
    shorter = [word for word in words[0] if word in ("[MASK]", "___")] + words[0][:3]
    return [" ".join(row) for row in (*words, shorter)]


def analyses_of(
    explainer: TokenExplainer, questions: Sequence[Question], methods: Sequence[Method], *, shared: bool = False
) -> list[Analysis | ExplainError]:
    """Read and predict in batches; `shared` by a pass under LRP's rules."""
    model = explainer.model
    encodings = [model.encode(question) for question in questions]
    found: dict[int, Analysis | ExplainError] = {}
    how = {"recording": any(m.reads_trace for m in methods), "differentiable": any(m.reads_gradient for m in methods)}
    for batch in batches(model, model.task, encodings):
        under = next((m.under(len(batch)) for m in methods if shared and isinstance(m, LRP)), None)
        answers = model.answer_many([encodings[i] for i in batch], [questions[i] for i in batch], under=under, **how)
        for number, answer in zip(batch, answers, strict=True):
            found[number] = answer if isinstance(answer, ExplainError) else Analysis(model, encodings[number], *answer)
    return [found[number] for number in range(len(questions))]


def check(found: Any, alone: Attribution, relative: float) -> None:
    assert isinstance(found, Attribution), found

    same(alone, found, relative=relative)
    assert (found.tokens, found.positions, found.passes) == (alone.tokens, alone.positions, alone.passes)
    assert (found.target.text, found.unit) == (alone.target.text, alone.unit)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_method_gives_the_numbers_of_the_text_alone(name: str) -> None:
    """In float64 to 1e-10; what computes in float32 inside to 1e-5."""
    made = tiny(name)
    made.model.double()
    every = name in ("bert-class", "gpt2-next", "bart-class")
    integrated = {"integrated_gradients": {"steps": 5, "tolerance": 1e-4, "maximum_steps": 200}}
    names = (
        [method for method in METHODS if method not in ("shap", "attention_flow")]
        if every
        else BATCHED[: 2 if "generation" in name or "span" in name else 4]
    )
    if name in ("llama-next", "bert-embed"):
        names = (*names, "integrated_gradients")
    methods = make_methods(names, {method: integrated[method] for method in names if method in integrated})
    with made.explainer() as explainer:
        output = "good plot" if explainer.model.task.sequence else None
        questions = [Question(text, target=output) for text in texts_for(made, 2)]
        analyses = [one for one in analyses_of(explainer, questions, methods) if isinstance(one, Analysis)]
        assert len(analyses) == len(questions)
        alone = [explainer.ask(question, methods=methods) for question in questions]
        for method in methods:
            together = run_many(analyses, method)
            for own, found in zip(alone, together, strict=True):
                check(found, own.run(method), 1e-5 if name.startswith(LOOSE) else 1e-10)
            if method.name in integrated and name == "llama-next":
                passes = {found.passes for found in together if isinstance(found, Attribution)}
                assert len(passes) > 1  # some are done sooner than others


SHARED = [name for name in FAMILIES if not any(kind in name for kind in ("generation", "span", "distil", "electra", "qwen"))]


@pytest.mark.parametrize("name", SHARED)
def test_a_pass_under_the_rules_of_lrp_serves_all(name: str) -> None:
    """The prediction, the plain gradient and relevance, each as without; in float64 to 1e-10."""
    made = tiny(name)
    made.model.double()
    methods = make_methods(["lrp", "input_x_gradient", "gradient_norm"])
    with made.explainer() as explainer:
        questions = [Question(text, unit="log_probability" if "embed" not in name else None) for text in texts_for(made, 2)[:2]]
        analyses = [one for one in analyses_of(explainer, questions, methods, shared=True) if isinstance(one, Analysis)]
        passes: list[int] = []
        explainer.model.instruments.architecture.embedding.register_forward_pre_hook(lambda *_: passes.append(1))
        found = [run_many(analyses, method) for method in methods]
        assert passes == []
        for method, attributions in zip(methods, found, strict=True):
            for question, attribution in zip(questions, attributions, strict=True):
                check(attribution, explainer.ask(question).run(method), 1e-5 if name.startswith(LOOSE) else 1e-10)
        for once_more, attribution in zip(run_many(analyses, methods[0]), found[0], strict=True):
            assert isinstance(attribution, Attribution)
            check(once_more, attribution, 1e-5 if name.startswith(LOOSE) else 1e-10)


@pytest.mark.parametrize("name", ["bert-class", "gpt2-next"])
def test_one_pass_of_one_text_serves_all(name: str) -> None:
    """Recorded, under LRP's rules and with its graph at once; each number as with a pass of its own, in float64 to 1e-12."""
    made = tiny(name)
    made.model.double()
    methods = make_methods(["lrp", "input_x_gradient", "attention", "attention_rollout", "gradient_norm"])
    with made.explainer() as explainer:
        passes: list[int] = []
        first = next(part for part in explainer.model.instruments.architecture.blocks["self"][0].modules() if not [*part.children()])
        first.register_forward_pre_hook(lambda *_: passes.append(1))
        analysis = explainer.ask(made.text, methods=methods)
        found = [analysis.run(method) for method in methods]
        assert passes == [1]
        for method, attribution in zip(methods, found, strict=True):
            check(attribution, explainer.ask(made.text).run(method), 1e-12)
        check(analysis.run(methods[0]), found[0], 1e-12)


@pytest.mark.parametrize("name", ["bert-class", "gpt2-next"])
def test_in_single_precision_too(name: str) -> None:
    """In float32 to 1e-5 of the largest score of the text; targets and foils are each row's own."""
    made = tiny(name)
    methods = make_methods(["lrp", "input_x_gradient", "occlusion", "attention"])
    foils = ("LABEL_0", "LABEL_1", "LABEL_2") if made.task == "classification" else ("film", "bad", "plot")
    with made.explainer() as explainer:
        questions = [Question(t, target=foils[i % 3], foil=foils[(i + 1) % 3]) for i, t in enumerate(texts_for(made, 6))]
        analyses = [one for one in analyses_of(explainer, questions, methods) if isinstance(one, Analysis)]
        for method in methods:
            for question, found in zip(questions, run_many(analyses, method), strict=True):
                check(found, explainer.ask(question).run(method), 1e-5)


def test_rows_share_one_pass() -> None:
    made = tiny("bert-class")
    rows: list[int] = []
    with made.explainer() as explainer:
        made.model.register_forward_pre_hook(lambda _, args, given: rows.append(len(given["input_ids"])), with_kwargs=True)
        methods = make_methods(["lrp", "input_x_gradient", "attention", "occlusion"])
        analyses = analyses_of(explainer, [Question(text) for text in texts_for(made)], methods)
        assert rows == [1, 4, 4]  # prediction, graph and record are one pass; the last layer of another shows what several texts read
        good = [one for one in analyses if isinstance(one, Analysis)]
        for method, expected in zip(methods, (5, 0, 1, 4 * 10 + 3 + 5), strict=True):
            rows.clear()
            seconds = sum(found.seconds for found in run_many(good, method) if isinstance(found, Attribution))
            assert sum(rows) == expected, method.name
            assert seconds > 0


def test_one_bad_row_spoils_no_other() -> None:
    made = tiny("bert-class")
    with made.explainer() as explainer:
        questions = [Question(text) for text in texts_for(made)]
        questions[1] = Question(questions[1].text, target="purple")
        found = analyses_of(explainer, questions, [LRP(), *make_methods(["input_x_gradient"])])
        assert isinstance(found[1], TargetError)
        good = [one for one in found if isinstance(one, Analysis)]
        for method in (LRP(), *make_methods(["input_x_gradient"])):
            for analysis, attribution in zip(good, run_many(good, method), strict=True):
                check(attribution, explainer.ask(analysis.encoding.text).run(method), 1e-5)
        assert run_many([], LRP()) == []


@dataclass(frozen=True)
class Short(Occlusion):
    """Refuses long texts."""

    def compute_many(self, scores: Sequence[Score]) -> list[MethodResult]:
        if any(len(score.encoding.tokens) > 8 for score in scores):
            raise InputError("Too long.")
        return super().compute_many(scores)


def test_what_a_method_refuses_is_said_row_by_row() -> None:
    made = tiny("bert-masked")
    with made.explainer() as explainer:
        questions = [Question(text) for text in (*texts_for(made, 2), "the [MASK] was good")]
        good = [one for one in analyses_of(explainer, questions, []) if isinstance(one, Analysis)]
        assert [type(one) for one in run_many(good, Short())] == [InputError, InputError, Attribution, Attribution]
        made.tokenizer.pad_token = None
        without = run_many(good[:2], Occlusion(replacement=Replacement.PAD))
        assert [type(one) for one in without] == [UnsupportedError, UnsupportedError]


def test_a_model_without_padding_takes_one_text_at_a_time() -> None:
    made = tiny("gpt2-class")
    made.model.config.pad_token_id = None
    with made.explainer() as explainer:
        encodings = [explainer.model.encode(text) for text in texts_for(made)]
        assert sorted(batches(explainer.model, explainer.model.task, encodings)) == [[0], [1], [2], [3], [4]]


def test_batches_hold_a_bounded_number_of_tokens() -> None:
    made = tiny("bert-masked")
    with made.explainer() as explainer:
        encodings = [explainer.model.encode(made.text)] * 200
        found = batches(explainer.model, explainer.model.task, encodings)
        tokens = len(encodings[0].tokens)
        assert sorted(number for batch in found for number in batch) == list(range(200))
        assert all(len(batch) * tokens <= 768 for batch in found)
        assert len(batches(explainer.model, explainer.model.task, encodings, [i % 2 for i in range(200)])) == 4
