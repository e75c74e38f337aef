"""Several texts explained in the same way, one whole text after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from explain.methods.catalog import make_methods
from explain.methods.method import Method
from explain.models.score import Score
from explain.results import Explanation
from explain.types import Question

if TYPE_CHECKING:
    from explain.explainer import TokenExplainer


def iter_explanations(
    explainer: TokenExplainer,
    texts: Iterable[str | Question],
    methods: Iterable[str | Method],
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    **asked: Any,
) -> Iterator[tuple[Score, Explanation]]:
    """The explained score of every text and what the methods say of it.

    Args:
        explainer: What to ask.
        texts: Texts or questions.
        methods: Names or methods.
        options: Of methods given by name.
        asked: Fields of `Question` that the texts leave open. Of a sequence task the output token `step` is explained, the last if left
            out.

    Raises:
        InputError: A text cannot be explained.
        UnsupportedError: A method cannot explain this model.
    """
    chosen = make_methods(methods, options)
    for text in [texts] if isinstance(texts, str | Question) else texts:
        analysis = explainer.ask(text, methods=chosen, **asked).single()
        yield analysis.scores[0], analysis.explanation([analysis.run(method) for method in chosen])
