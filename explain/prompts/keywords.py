"""Keywords followed through several prompts: what every method gives them, and what the score loses without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.errors import InputError
from explain.evaluation.features import features_of
from explain.evaluation.labels import Labelled, MethodLabel
from explain.models.perturbation import Granularity, PerturbedScore, Replacement
from explain.prompts.comparison import PromptComparison, PromptResult, same_question, score_of
from explain.prompts.spans import KeywordSpan, find, folded
from explain.results import Attribution, Explanation
from explain.tokens import Word
from explain.types import Array, listed

if TYPE_CHECKING:
    import pandas as pd

    from explain.analysis import Analysis
    from explain.explainer import TokenExplainer


@dataclass(frozen=True)
class KeywordTracking(Labelled):
    """Keywords in several prompts. All numbers are NaN where a prompt does not have the keyword.

    Attributes:
        texts: The prompts.
        keywords: As they were given.
        labels: The methods.
        replacement: What took the keyword's place for the effect.
        spans: spans[prompt][keyword] are the occurrences; none where it is absent.
        scores: [methods, prompts, keywords] sum of the scores of all tokens of all occurrences.
        shares: [methods, prompts, keywords] sum of their absolute scores as a share of that over all tokens that are not special.
        ranks: [methods, prompts, keywords] rank of the most important occurrence, 1 for the first. An occurrence, a phrase too, counts as
            one word whose score is the sum of its tokens'; it is ranked by absolute score among the words beside it, ties share the best
            rank.
        effects: [prompts, keywords] explained score of the text minus the score without all occurrences at once, in units of the score:
            positive where the keyword pushes towards the target. NaN also where effects were not asked for.
    """

    texts: tuple[str, ...]
    keywords: tuple[str, ...]
    labels: tuple[MethodLabel, ...]
    replacement: Replacement
    spans: tuple[tuple[tuple[KeywordSpan, ...], ...], ...]
    scores: Array
    shares: Array
    ranks: Array
    effects: Array

    @property
    def present(self) -> Array:
        """How often each prompt has each keyword [prompts, keywords]."""
        return np.array([[len(found) for found in row] for row in self.spans], dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON; `None` where a prompt does not have a keyword."""
        return {
            "prompts": list(self.texts),
            "keywords": list(self.keywords),
            "methods": list(self.methods),
            "titles": self.titles,
            "replacement": self.replacement.value,
            "spans": [[[span.to_dict() for span in found] for found in row] for row in self.spans],
            "scores": listed(self.scores),
            "shares": listed(self.shares),
            "ranks": listed(self.ranks),
            "effects": listed(self.effects),
        }

    def to_frame(self) -> pd.DataFrame:
        """One row per prompt, keyword and method: occurrences, score, share, rank and effect."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "prompt": text,
                    "keyword": keyword,
                    "method": method,
                    "occurrences": len(self.spans[row][column]),
                    "score": self.scores[number, row, column],
                    "share": self.shares[number, row, column],
                    "rank": self.ranks[number, row, column],
                    "effect": self.effects[row, column],
                }
                for row, text in enumerate(self.texts)
                for column, keyword in enumerate(self.keywords)
                for number, method in enumerate(self.methods)
            ]
        )


def track_keywords(
    comparison: PromptComparison,
    keywords: Sequence[str],
    *,
    explainer: TokenExplainer | None = None,
    inside_words: bool = False,
    replacement: Replacement | str = Replacement.AUTO,
) -> KeywordTracking:
    """Follow words or phrases through all prompts and methods. How they are found is said in `find`.

    Keywords may overlap ("good", "not good"): each is reported by itself, and taken away by itself.

    Args:
        comparison: The explained prompts.
        keywords: Words or phrases.
        explainer: The one that explained the prompts; without it there are no effects. The prompts are read and predicted by it again.
        inside_words: Also find keywords inside longer words.
        replacement: What takes the tokens' place: mask, pad, delete, attention_mask, or auto (the mask token where there is one).

    Raises:
        InputError: A keyword is empty, given twice or in none of the prompts, or the explainer answers a prompt differently.
        UnsupportedError: The tokenizer has no token for the replacement.
    """
    names = _checked(keywords)
    if replacement not in set(Replacement):
        raise InputError(f"The replacement {str(replacement)!r} is not known. Choose one of: {', '.join(Replacement)}.")
    explanations = comparison.explanations
    spans = tuple(tuple(find(e.tokens, e.text, name, inside_words=inside_words) for name in names) for e in explanations)
    for column, name in enumerate(names):
        if not any(row[column] for row in spans):
            hint = "" if inside_words else " It may be part of longer words: allow that with inside_words."
            raise InputError(f"The keyword {name!r} is in none of the {len(explanations)} prompts.{hint}")
    shape = (len(comparison.methods), len(explanations), len(names))
    scores, shares, ranks = (np.full(shape, np.nan) for _ in range(3))
    effect = np.full(shape[1:], np.nan)
    for row, (result, found) in enumerate(zip(comparison.results, spans, strict=True)):
        there = [column for column, occurrences in enumerate(found) if occurrences]
        for number, attribution in enumerate(result.explanation):
            for column in there:
                at = number, row, column
                scores[at], shares[at], ranks[at] = _scores(result.explanation, attribution, found[column])
        if explainer is not None and there:
            effect[row, there] = effects(_again(explainer, result), [_tokens(found[column]) for column in there], Replacement(replacement))
    texts = tuple(explanation.text for explanation in explanations)
    return KeywordTracking(texts, names, comparison.labels, Replacement(replacement), spans, scores, shares, ranks, effect)


def effects(analysis: Analysis, groups: Sequence[Sequence[int]], replacement: Replacement = Replacement.AUTO) -> Array:
    """Explained score of a text minus its score without each group of tokens [groups], in units of the score.

    The groups may overlap; each is taken away by itself. For sequence tasks this is the sum over the explained output tokens, whose prefix
    stays.

    Args:
        analysis: The text.
        groups: Indices of the tokens of each group, input tokens that are not special.
        replacement: What takes their place.

    Raises:
        UnsupportedError: The tokenizer has no token for the replacement.
    """
    singles = sorted({token for group in groups for token in group})
    removable = [Word((token,), "", "", False) for token in singles]
    keep = np.array([[token not in set(group) for token in singles] for group in ((), *groups)], dtype=bool)
    total = np.zeros(len(groups))
    for score in analysis.scores:
        values = PerturbedScore(score, removable, replacement)(keep)
        total += values[0] - values[1:]
    return total


def _checked(keywords: Sequence[str]) -> tuple[str, ...]:
    names = tuple(keyword.strip() for keyword in ([keywords] if isinstance(keywords, str) else keywords))
    if not names:
        raise InputError("No keyword was given. Give at least one word or phrase.")
    forms = [folded(name) for name in names]
    for number, name in enumerate(names):
        if forms[number] in forms[:number]:
            raise InputError(f"The keyword {name!r} was given twice: give each once.")
    return names


def _tokens(spans: Sequence[KeywordSpan]) -> list[int]:
    return sorted({token for span in spans for token in span.tokens})


def _scores(explanation: Explanation, attribution: Attribution, spans: Sequence[KeywordSpan]) -> tuple[float, float, float]:
    """Summed score, share and best rank of a keyword's occurrences."""
    scores, sizes = attribution.scores, np.abs(attribution.scores)
    tokens = _tokens(spans)
    total = sizes[[i for i, token in enumerate(explanation.tokens) if not token.special]].sum()
    share = float(sizes[tokens].sum() / total) if total else float("nan")
    return float(scores[tokens].sum()), share, float(min(_rank(explanation, scores, span.tokens) for span in spans))


def _rank(explanation: Explanation, scores: Array, tokens: Sequence[int]) -> int:
    own = abs(float(scores[list(tokens)].sum()))
    others = ([i for i in word.indices if i not in tokens] for word in features_of(explanation, Granularity.WORDS))
    return 1 + sum(abs(float(scores[other].sum())) > own for other in others if other)


def _again(explainer: TokenExplainer, result: PromptResult) -> Analysis:
    """The prompt as it was asked, checked to be answered as before."""
    analysis = explainer.ask(result.question)
    old, new = result.explanation, analysis.explanation(())
    if (old.text, old.tokens) != (new.text, new.tokens) or not same_question(old, new):
        raise InputError(f"The explainer does not answer {old.text[:40]!r} as before. Give the one that explained the prompts.")
    value = sum(score.value() for score in analysis.scores)
    if not np.isclose(value, score_of(old), rtol=1e-3, atol=1e-4):
        raise InputError(
            f"The explainer scores {old.text[:40]!r} with {value:.4g}, but it was explained at {score_of(old):.4g}. "
            "Give the explainer that explained the prompts."
        )
    return analysis
