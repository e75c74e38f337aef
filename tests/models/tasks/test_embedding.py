"""Embedding: the pooled vector, and its own direction."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from zoo import tiny


def test_the_embedding_scores_the_length_of_the_mean_vector() -> None:
    for name in ("bert-embed", "t5-embed"):
        made = tiny(name)
        ids = torch.tensor([made.tokenizer(made.text)["input_ids"]])
        trunk = made.model.get_encoder() if name.startswith("t5") else made.model
        with torch.no_grad():
            vector = trunk(input_ids=ids).last_hidden_state[0].mean(0)
        explainer = made.explainer()
        result = explainer.analyze(made.text, ["input_x_gradient"])
        assert result["input_x_gradient"].output == pytest.approx(float(vector.norm()), rel=1e-5)
        assert result.prediction.embedding is not None
        np.testing.assert_allclose(result.prediction.embedding, vector.numpy(), atol=1e-5)
        explainer.close()
