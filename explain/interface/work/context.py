"""Which part of a chat made the model say that: counted, then computed."""

from __future__ import annotations

import dataclasses

from explain.errors import InputError
from explain.evaluation.context import FITTED, HELD_OUT, TOP, ContextAttribution, context_attribution, methods_for
from explain.interface.work.budget import ask, check_passes, passes_of
from explain.interface.work.explaining import explainer_of
from explain.interface.zero_gpu import on_gpu
from explain.methods.catalog import make_methods
from explain.segments import Granularity
from explain.sharing.request import Request


@on_gpu
def context_of(request: Request, segments: Granularity, *, seed: int = 0) -> ContextAttribution:
    """Segments x sentences of the answer.

    Raises:
        InputError: There are no messages, too few segments, or it needs more passes than one request may take here.
    """
    if request.question.messages is None:
        raise InputError("There are no messages: only the answer in a chat is traced to parts of its prompt. Ask as a chat.")
    whole = dataclasses.replace(request.question, span=None, step=None, foil=None)
    methods = methods_for(make_methods(request.methods, request.options), segments)
    with explainer_of(request) as explainer:
        analysis = ask(explainer, whole)
        sentences = analysis.prediction.text.count(". ") + 1
        judging = FITTED + HELD_OUT + len(TOP) * (len(methods) + 1) * sentences
        check_passes(passes_of(methods, analysis) * sentences + judging)
        return context_attribution(analysis, methods, segments=segments, seed=seed)
