"""Shapley values against brute force over all subsets, shap's own explainer, and the axioms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shap
import torch
from zoo import tiny

from explain import InputError, TokenExplainer, UnsupportedError
from explain.methods.shap_explainers import COMPILED, interpreted
from explain.methods.shapley import Estimator, Shapley
from explain.methods.shapley_gaussian_process import gaussian_process_shapley
from explain.methods.shapley_sampling import kernel_shap
from explain.models.perturbation import Granularity, Keep, PerturbedScore, Replacement, groups_of
from explain.types import Array
from methods.test_shapley_sampling import brute_force

WITH_TEN_TOKENS = [
    "a truly great film that never feels too long .",
    "i did not expect to enjoy this so much .",
    "not a good movie at all , sadly boring .",
]


@pytest.mark.parametrize("name", ["bert-class", "gpt2-next", "t5-class"])
def test_exact_values_are_those_of_brute_force(name: str) -> None:
    made = tiny(name)
    text = "the film was not very good"
    explainer = made.explainer()
    found = explainer.analyze(text, [Shapley(estimator=Estimator.EXACT)])["shap"]
    score = explainer.ask(text).scores[0]
    players = [group for group in groups_of(score.encoding, Granularity.TOKENS) if not group.special]
    expected = brute_force(PerturbedScore(score, players, Replacement.AUTO), len(players))
    playing = [i for i, token in enumerate(found.tokens) if not token.special]
    np.testing.assert_allclose(found.scores[playing], expected, atol=1e-6)
    assert all(found.scores[i] == 0 for i, token in enumerate(found.tokens) if token.special)
    assert found.baseline_output is not None
    assert found.scores.sum() == pytest.approx(found.output - found.baseline_output, abs=1e-6)
    explainer.close()


def test_errors_of_the_sampling_estimators_at_500_evaluations() -> None:
    """The Gaussian process halves the error of KernelSHAP on the same texts, and is what `auto` takes above ten players."""
    explainer = TokenExplainer.from_pretrained("distilbert-mini", task="classification")
    errors: dict[str, list[float]] = {"kernel": [], "gaussian_process": []}
    for text in WITH_TEN_TOKENS:
        score = explainer.ask(text).scores[0]
        players = [group for group in groups_of(score.encoding, Granularity.TOKENS) if not group.special]
        assert len(players) == 10
        game = PerturbedScore(score, players, Replacement.AUTO)
        coalitions = (np.arange(2**10)[:, None] >> np.arange(10)) % 2 == 1
        game(coalitions)  # in large batches; all that follows is known then
        exact = brute_force(game, 10)
        for name, estimate in (("kernel", kernel_shap), ("gaussian_process", gaussian_process_shapley)):
            asked: list[int] = []

            def counted(keep: Keep, game: PerturbedScore = game, asked: list[int] = asked) -> Array:
                asked.append(len(keep))
                return game(keep)

            values, _ = estimate(counted, 10, 500, np.random.default_rng(0))
            assert sum(asked) <= 500
            errors[name].append(np.abs(values - exact).sum() / np.abs(exact).sum())
    assert np.mean(errors["kernel"]) < 0.05
    assert np.mean(errors["gaussian_process"]) < 0.5 * np.mean(errors["kernel"])


def test_partition_is_shap_itself_on_its_text_masker() -> None:
    """shap tokenizes the text again and masks token ids; ours hands its masker tokens that are given."""
    explainer = TokenExplainer.from_pretrained("bert-mini", task="classification")
    model, tokenizer = explainer.model.model, explainer.model.tokenizer
    for text in ("A delight, not a mess.", "I didn't expect much (and got none)."):
        found = explainer.analyze(text, [Shapley(estimator=Estimator.PARTITION)], target="positive")["shap"]

        def plain(rows: Any) -> Array:
            with torch.no_grad():
                return np.asarray(model(torch.tensor(np.array([list(row) for row in rows], dtype=int))).logits[:, 1].double())

        masker = shap.maskers.Text(tokenizer, output_type="token_ids")
        with interpreted():
            expected = shap.Explainer(plain, masker)([text], max_evals=10_000, silent=True)
        np.testing.assert_allclose(found.scores, expected.values[0], atol=1e-5)


@pytest.mark.parametrize("estimator", [Estimator.EXACT, Estimator.PARTITION])
def test_shap_compiles_nothing_and_is_left_as_it_was(estimator: Estimator, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tiny("bert-class")
    known = [len(loop.signatures) for _, _, loop in COMPILED]
    with made.explainer() as explainer:
        explainer.analyze("was it good", [Shapley(estimator=estimator)])
        assert [len(loop.signatures) for _, _, loop in COMPILED] == known
        monkeypatch.setattr(PerturbedScore, "__call__", lambda *_: 1 / 0)
        with pytest.raises(ArithmeticError):
            explainer.analyze("was it good", [Shapley(estimator=estimator)])
    assert len(COMPILED) > 5 or shap.__version__ != "0.51.0"
    assert all(getattr(module, name) is loop for module, name, loop in COMPILED)


def test_seeds_words_and_limits() -> None:
    made = tiny("bert-class")
    explainer = made.explainer()
    text = " ".join(["the film was not very good but actors saved it"] * 2)

    def scores(**options: Any) -> Array:
        return explainer.analyze(text, [Shapley(evaluations=100, **options)])["shap"].scores

    assert np.array_equal(scores(), scores())
    assert not np.array_equal(scores(), scores(seed=1))
    assert np.array_equal(scores(), scores(estimator=Estimator.GAUSSIAN_PROCESS))
    with pytest.raises(InputError, match="at most 12 players, the text has 20"):
        scores(estimator=Estimator.EXACT)
    one = explainer.analyze("film", ["shap"])["shap"]
    assert one.baseline_output is not None
    assert one.scores[1] == pytest.approx(one.output - one.baseline_output, abs=1e-9)
    words = TokenExplainer.from_pretrained("bert-mini", task="classification").analyze(
        "An unwatchable disaster.", [Shapley(players=Granularity.WORDS)]
    )["shap"]
    assert words.baseline_output is not None
    assert words.scores.sum() == pytest.approx(words.output - words.baseline_output, abs=1e-6)
    explainer.close()


def test_replacements() -> None:
    made = tiny("gpt2-next")
    explainer = made.explainer()
    for replacement in Replacement:
        found = explainer.analyze("the film was", [Shapley(replacement=replacement)])["shap"]
        assert found.within_tolerance
    made.tokenizer.mask_token = None
    with pytest.raises(UnsupportedError, match="has no mask token"):
        explainer.analyze("the film was", [Shapley(replacement=Replacement.MASK)])
    explainer.close()
