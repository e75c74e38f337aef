"""Models that pad inside, take one text at a time, or do not say how their output begins: explained, or refused with the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import transformers as t
from zoo import IDS, STACK, TEXT, tiny, tokenizer

from explain import TokenExplainer
from explain.errors import UnsupportedError

SIZES: dict[str, Any] = {
    "encoder_layers": 2,
    "decoder_layers": 2,
    "d_model": 32,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
}
SIZES |= {"encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "init_std": 0.3}
T5: dict[str, Any] = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4}
WINDOW: dict[str, Any] = {"attention_window": [8, 8], "bos_token_id": 1}
LED = {"max_encoder_position_embeddings": 64, "max_decoder_position_embeddings": 64, "decoder_start_token_id": 2}

PADDED: dict[str, Callable[[], Any]] = {
    "longformer": lambda: t.LongformerForSequenceClassification(t.LongformerConfig(**STACK, **IDS, **WINDOW)),
    "led": lambda: t.LEDForConditionalGeneration(t.LEDConfig(**IDS, **SIZES, **WINDOW, **LED)),
}


def explainer(make: Callable[[], Any]) -> TokenExplainer:
    torch.manual_seed(0)
    return TokenExplainer(make().eval().double(), tokenizer(opening=True))


@pytest.mark.parametrize("name", PADDED)
def test_gradients_of_a_model_that_pads_inside_are_those_of_finite_differences(name: str) -> None:
    with explainer(PADDED[name]) as explained:
        score = explained.ask(TEXT, **({"step": 0} if name == "led" else {})).scores[0]
        embeddings, gradient = score.gradient()
        generator = torch.Generator().manual_seed(1)
        direction = torch.randn(embeddings.shape, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            near = [float(score.of_embeddings(embeddings + sign * 1e-4 * direction)[0]) for sign in (1, -1)]
            own = float(score.of_embeddings(embeddings)[0])
        assert float((gradient * direction).sum()) == pytest.approx((near[0] - near[1]) / 2e-4, rel=1e-3)  # their softmax is float32
        assert own == pytest.approx(score.value(), abs=1e-6)


def test_a_causal_classifier_without_padding_integrates_row_by_row() -> None:
    padded, plain = tiny("gpt2-class"), tiny("gpt2-class")
    plain.model.config.pad_token_id = None
    found = []
    for case in (padded, plain):
        case.model.double()
        with case.explainer() as explained:
            found.append(explained.analyze(TEXT, ["integrated_gradients"])["integrated_gradients"].scores)
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: t.LongT5ForConditionalGeneration(t.LongT5Config(**IDS, **T5)),
        lambda: t.MarianMTModel(t.MarianConfig(**IDS, **SIZES, max_position_embeddings=64)),  # its default is beyond this vocabulary
    ],
)
def test_a_model_that_does_not_say_how_its_output_begins_is_refused_when_it_is_loaded(make: Callable[[], Any]) -> None:
    with pytest.raises(UnsupportedError, match="decoder_start_token_id"):
        explainer(make)


def test_the_first_token_of_the_output_may_come_from_the_beginning_of_texts() -> None:
    config = t.MBartConfig(**IDS, **SIZES, max_position_embeddings=64, bos_token_id=1, forced_eos_token_id=None)
    with explainer(lambda: t.MBartForConditionalGeneration(config)) as explained:
        encoding = explained.ask(TEXT).encoding
        assert int(encoding.inputs["decoder_input_ids"][0, 0]) == 1
