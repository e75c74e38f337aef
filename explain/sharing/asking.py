"""What a request asks, ready to be explained method by method."""

from __future__ import annotations

from collections.abc import Sequence

from explain.analysis import Analysis
from explain.explainer import TokenExplainer
from explain.methods.method import Method
from explain.prompts.answers import Contrast
from explain.sharing.request import Request


def asked(explainer: TokenExplainer, request: Request, methods: Sequence[Method] = ()) -> Analysis | Contrast:
    """The request's text or chat, read and predicted; two answers where they are compared.

    Args:
        explainer: Who is asked.
        request: What is asked.
        methods: What is going to explain it.

    Raises:
        InputError: The question cannot be asked.
        UnsupportedError: The model or a method cannot compare answers.
    """
    if request.measure is None:
        return explainer.ask(request.question, methods=methods)
    return Contrast.of(explainer, request.question, request.measure, methods)
