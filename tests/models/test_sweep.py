"""Every text architecture of transformers is explained or refused with the reason; a sample of them here, all with EXPLAIN_SWEEP=all."""

from __future__ import annotations

import os
import zlib

import numpy as np
import pytest
import torch
from sweep import TASKS, NotSmallError, small
from zoo import TEXT, tokenizer

from explain import METHODS, IntegratedGradients, Shapley, TokenExplainer
from explain.errors import ExplainError

SHARE = 6
CHEAP = {"integrated_gradients": IntegratedGradients(steps=5, maximum_steps=5), "shap": Shapley(estimator="permutation", evaluations=20)}
NAMED = ("ibert", "fsmt", "longt5", "mixtral", "m2m_100", "bloom", "gpt_oss", "opt")
# Slow at any size, or (MRA) nothing without a kernel that only a GPU has.
LEFT_OUT = (
    "mra",
    "nemotron_h",
    "afmoe",
    "bigbird_pegasus",
    "aria_text",
    "led",
    "longformer",
    "pegasus_x",
    "luke",
    "perceiver",
    "udop",
    "t5gemma",
    "t5gemma2",
    "whisper",
)
FAMILIES = [(task, family) for task, families in TASKS.items() for family in families if family not in LEFT_OUT]


def chosen(family: str) -> bool:
    return os.environ.get("EXPLAIN_SWEEP") == "all" or family in NAMED or zlib.crc32(family.encode()) % SHARE == 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("task", "family"), [pair for pair in FAMILIES if chosen(pair[1])])
def test_every_architecture_works_or_says_why_not(task: str, family: str) -> None:
    words = tokenizer(opening=True)
    ids = words(TEXT, return_tensors="pt")["input_ids"]
    try:
        model = small(task, family)
        more = {"decoder_input_ids": ids[:, :2]} if task == "generation" else {}
        with torch.no_grad():
            first, second = (model(input_ids=given, **more).logits for given in (ids, ids.flip(1)))
    except NotSmallError as error:
        pytest.skip(f"{family}: {error}")
    except Exception as error:  # not ours: the plain model fails at these sizes
        pytest.skip(f"{family} fails by itself: {error}")
    if torch.allclose(first, second):
        pytest.skip(f"{family} says the same whatever it reads")
    text, target = (TEXT.replace("very", "[MASK]"), None) if task == "masked_lm" else (TEXT, "good bad" if task == "generation" else None)
    try:
        explainer = TokenExplainer(model, words, task=task)
    except ExplainError as error:
        said = str(error)
        assert len(said) > 40
        return
    refused, worked = [], []
    with explainer:
        if task != "generation":
            read = explainer.model.encode(text).inputs["input_ids"]
            place = -1 if task == "next_token" else int((read[0] == words.mask_token_id).nonzero())
            with torch.no_grad():
                logits = model(input_ids=read).logits[0, place]
            assert explainer.ask(text).prediction.candidates[0].logit == pytest.approx(float(logits.max()), abs=1e-3)
        for name in METHODS:
            try:
                worked.append(explainer.analyze(text, [CHEAP.get(name, name)], target=target)[name])
            except ExplainError as error:
                refused.append(str(error))
    assert all(type(model).__name__ in said or "this model" in said for said in refused)
    assert all(np.isfinite(found.scores).all() for found in worked)
    assert sum(bool(found.scores.any()) for found in worked) >= 4
