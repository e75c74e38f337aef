"""Asks every endpoint as on a ZeroGPU Space and prints what came out, how often a GPU was borrowed, and what was loaded without one."""

from __future__ import annotations

import inspect
import json
import sys

import spaces
import torch

from explain.errors import ExplainError
from explain.explainer import TokenExplainer
from explain.interface import serving
from explain.sharing.request import Request

torch.set_num_threads(1)
loaded = []
load = TokenExplainer.from_pretrained.__func__


def watched(cls, *args, **kwargs):
    if not spaces.inside:
        loaded.append(inspect.stack()[1].function)
    return load(cls, *args, **kwargs)


TokenExplainer.from_pretrained = classmethod(watched)


def answer(name, arguments):
    from explain.interface import card_endpoints, comparison_endpoints, endpoints, inside_endpoints, prompt_endpoints

    modules = (endpoints, inside_endpoints, comparison_endpoints, prompt_endpoints, card_endpoints)
    function = next(getattr(module, name) for module in modules if name in vars(module))
    try:
        return function(**arguments)
    except ExplainError as error:
        return {"error": type(error).__name__, "message": str(error)}


answers = [answer(name, arguments) for name, arguments in json.load(sys.stdin)]
cut = serving.shortened(Request("classification", "good " * 600, "bert-mini", []))
stream = serving.explain_steps(Request("classification", "A film.", "bert-mini", ["attention", "lrp"]))
steps = [len(progress.explanation.attributions) for progress in stream]
json.dump({"answers": answers, "borrowed": spaces.borrowed, "loaded": loaded, "cut": cut.limit, "steps": steps}, sys.stdout)
