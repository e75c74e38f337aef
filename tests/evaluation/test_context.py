"""Which document made a model say that: known by construction, equal to brute force, and judged on what was not seen."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from chats import chatty
from copying import copying, learned, prompt
from zoo import Tiny, tiny

from explain import Question
from explain.errors import InputError, UnsupportedError
from explain.evaluation.context import METHODS, SURROGATE, attribute_context
from explain.evaluation.surrogate import ablations
from explain.similarity import spearman

CHEAP = {"shap": {"estimator": "kernel", "evaluations": 40}, "integrated_gradients": {"steps": 8, "maximum_steps": 16}}
QUICK = {"integrated_gradients": CHEAP["integrated_gradients"]}
PROMPTS = 12


def said(made: Tiny, messages: list[dict[str, str]], documents: list[dict[str, str]], answer: str) -> Callable[..., np.ndarray]:
    """Log-probability of each token of an answer without some documents, by the plain model on a prompt written here."""
    ids = made.tokenizer(answer, add_special_tokens=False)["input_ids"]

    def value(keep: np.ndarray) -> np.ndarray:
        parts = [f"<doc> {document['text'] if kept else ''} </doc>" for document, kept in zip(documents, keep, strict=True)]
        prompt = made.tokenizer(f"{' '.join(parts)} <q> {messages[0]['content']}", add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            logits = made.plain(torch.tensor([[*prompt, *ids]])).logits[0, len(prompt) - 1 : -1]
        return logits.log_softmax(-1)[torch.arange(len(ids)), ids].double().numpy()

    return value


@pytest.mark.parametrize("model", [copying, learned])
def test_the_document_that_was_copied_comes_first(model: Callable[[], Tiny]) -> None:
    made = model()
    right = dict.fromkeys((*METHODS, SURROGATE), 0)
    with made.explainer() as explainer:
        for seed in range(PROMPTS):
            messages, documents, answer, chosen = prompt(seed)
            copied = answer.split()[0] if model is learned else answer
            asked = Question(messages=messages, documents=documents, target=copied)
            found = attribute_context(explainer, asked, fitted=20, held_out=4, options=CHEAP)
            for name in found.methods:
                right[name] += found.leader(name) == chosen
                assert found[name].drops[1][0] > 2 or found.leader(name) != chosen
    assert min(right.values()) >= 0.95 * PROMPTS, right


def test_every_number_is_that_of_prompts_written_by_hand() -> None:
    made = copying()
    made.model.double()
    made.plain.double()
    messages, documents, _, _ = prompt(1, documents=5)
    facts = [document["text"].split() for document in documents]
    answer = f"{facts[0][1]} {facts[0][2]} {facts[3][1]} {facts[3][2]}"  # its second sentence goes on from the fourth document
    value = said(made, messages, documents, answer)
    with made.explainer() as explainer:
        found = attribute_context(explainer, messages, documents=documents, target=answer, fitted=20, held_out=10, seed=3, options=QUICK)
    assert found.sentences == (f"{facts[0][1]} {facts[0][2]}", f"{facts[3][1]} {facts[3][2]}")
    assert found.labels == [f"document {number}" for number in range(1, 6)]
    assert [found.leader(name, 1) for name in found.methods] == [3] * 5
    subsets = [np.array(keep) for keep in itertools.product([False, True], repeat=5)]
    values = {keep.tobytes(): value(keep).reshape(2, 2).sum(1) for keep in subsets}
    whole = np.ones(5, dtype=bool)
    for place in range(5):
        without = whole.copy()
        without[place] = False
        fall = values[whole.tobytes()] - values[without.tobytes()]
        np.testing.assert_allclose(found["occlusion"].scores[place], fall, atol=1e-6)
        shapley = np.zeros(2)
        for keep in subsets:
            if not keep[place]:
                more = keep.copy()
                more[place] = True
                size = int(keep.sum())
                weight = math.factorial(size) * math.factorial(4 - size) / math.factorial(5)
                shapley += weight * (values[more.tobytes()] - values[keep.tobytes()])
        np.testing.assert_allclose(found["shap"].scores[place], shapley, atol=1e-6)
    drawn = ablations(5, 30, np.random.default_rng(3))
    assert (found.held_out, found.inputs) == (10, 30)
    for name in found.methods:
        scores = found[name].scores
        for sentence in range(2):
            kept = np.ones(5, dtype=bool)
            kept[np.argsort(-scores[:, sentence], kind="stable")[:3]] = False
            fall = values[whole.tobytes()] - values[kept.tobytes()]
            assert found[name].drops[3][sentence] == pytest.approx(fall[sentence], abs=1e-6)
            real = np.array([values[keep.tobytes()][sentence] for keep in drawn[:10]])
            assert found[name].correlation[sentence] == pytest.approx(spearman(drawn[:10] @ scores[:, sentence], real), abs=1e-6)
    plain = found.to_dict()
    assert plain["methods"][SURROGATE]["scores"] == found[SURROGATE].scores.tolist()
    assert list(found.to_frame("lrp").columns) == list(found.sentences)


def test_shap_of_ten_documents_is_brute_force_over_all_their_subsets() -> None:
    """1,024 prompts; those of one length go through the plain model together."""
    made = copying()
    made.model.double()
    made.plain.double()
    messages, documents, answer, chosen = prompt(4)
    ids = made.tokenizer(answer, add_special_tokens=False)["input_ids"]
    subsets = np.array(list(itertools.product([False, True], repeat=10)))
    prompts = [
        " ".join(f"<doc> {document['text'] if kept else ''} </doc>" for document, kept in zip(documents, keep, strict=True))
        for keep in subsets
    ]
    rows = [made.tokenizer(f"{one} <q> {messages[0]['content']}", add_special_tokens=False)["input_ids"] + ids for one in prompts]
    values = np.zeros(len(rows))
    for length in set(map(len, rows)):
        alike = [number for number, row in enumerate(rows) if len(row) == length]
        with torch.no_grad():
            said = made.plain(torch.tensor([rows[number] for number in alike])).logits[:, -len(ids) - 1 : -1].log_softmax(-1)
        values[alike] = said[:, torch.arange(len(ids)), ids].sum(1).numpy()
    expected = np.zeros(10)
    for place in range(10):
        without = subsets[~subsets[:, place]]
        sizes = without.sum(1)
        weights = [math.factorial(size) * math.factorial(9 - size) / math.factorial(10) for size in sizes]
        numbers = without @ (2 ** np.arange(9, -1, -1))
        expected[place] = weights @ (values[numbers + 2 ** (9 - place)] - values[numbers])
    with made.explainer() as explainer:
        explanation = explainer.analyze(
            messages, ["shap"], documents=documents, target=answer, options={"shap": {"players": "documents", "estimator": "exact"}}
        )
    found = [
        score
        for score, group in zip(explanation.by("documents")["shap"], explanation.by("documents").segments, strict=True)
        if not group.special
    ]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert int(np.argmax(found)) == chosen
    assert explanation["shap"].gap == pytest.approx(0, abs=1e-9)


def test_relevance_is_summed_over_segments_and_sentences() -> None:
    chat = [{"role": "user", "content": "the plot was good. the actors saved it. was it bad?"}]
    answer = "it was not. the film was very good."
    with chatty().explainer() as explainer:
        whole = explainer.analyze(chat, ["lrp"], target=answer)
        found = attribute_context(explainer, chat, ["lrp", "attention"], segments="sentences", target=answer, fitted=4, held_out=4)
    assert found.sentences == ("it was not.", "the film was very good.")
    by_sentence = [score for score, group in zip(*_sums(whole), strict=True) if not group.special]
    np.testing.assert_allclose(found["lrp"].scores.sum(1), by_sentence, atol=1e-3)
    assert set(found.methods) == {"lrp", "attention", SURROGATE}


def test_few_ablations_judge_nobody() -> None:
    made = copying()
    messages, documents, answer, _ = prompt(0, documents=3)
    with made.explainer() as explainer:
        found = attribute_context(explainer, messages, ["lrp"], documents=documents, target=answer)
    assert (found.held_out, found.inputs) == (2, 8)
    assert np.isnan(found["lrp"].correlation).all()
    assert found.to_dict()["methods"]["lrp"]["correlation"] == [None]


def _sums(explanation):  # type: ignore[no-untyped-def]
    found = explanation.by("sentences")
    return found["lrp"], found.segments


def test_what_cannot_be_compared_is_said() -> None:
    chat = [{"role": "user", "content": "the plot was good."}]
    with chatty().explainer() as explainer:
        with pytest.raises(InputError, match="There are no documents in this text"):
            attribute_context(explainer, chat, ["lrp"], target="it was")
        with pytest.raises(InputError, match="There are 1 messages to compare; at least two"):
            attribute_context(explainer, chat, ["lrp"], segments="messages", target="it was")
        with pytest.raises(InputError, match="At least 4 ablations are needed to fit and to judge, got 2 and 32"):
            attribute_context(explainer, chat, ["lrp"], fitted=2)
    with tiny("gpt2-generation").explainer() as explainer, pytest.raises(UnsupportedError, match="Only the whole answer to messages"):
        attribute_context(explainer, "the film was", ["lrp"], segments="words")
