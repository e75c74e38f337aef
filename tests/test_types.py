"""Questions, tokens and encodings are checked when they are made."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from explain import Target, Token
from explain.types import Encoding, Question, listed

TOKENS = (Token("a", "", "a", 5, 0, 1, False), Token("b", " ", "b", 6, 2, 3, False))
TARGET = Target(1, "good", 0.5, 0.25)


def test_an_encoding_describes_every_token_that_is_read() -> None:
    ids = torch.tensor([[5, 6]])
    assert Encoding("a b", TOKENS, {"input_ids": ids}).input_length == 2
    with pytest.raises(ValueError, match="reads 3 tokens but 2 are described"):
        Encoding("a b", TOKENS, {"input_ids": torch.tensor([[5, 6, 7]])})
    with pytest.raises(ValueError, match="reads 3 tokens but 2 are described"):
        Encoding("a b", TOKENS, {"input_ids": ids, "decoder_input_ids": torch.tensor([[0]])})


def test_a_batch_is_the_text_in_equal_rows() -> None:
    ids = torch.tensor([[5, 6]])
    inputs, positions = Encoding("a b", TOKENS, {"input_ids": ids, "attention_mask": torch.ones_like(ids)}, position=1).batch(3)
    assert {name: tensor.tolist() for name, tensor in inputs.items()} == {"input_ids": [[5, 6]] * 3, "attention_mask": [[1, 1]] * 3}
    assert positions is not None
    assert positions.tolist() == [1, 1, 1]
    assert Encoding("a b", TOKENS, {"input_ids": ids}).batch()[1] is None


def test_the_direction_is_the_vector_with_length_one() -> None:
    encoding = Encoding("a b", TOKENS, {"input_ids": torch.tensor([[5, 6]])}, vector=torch.tensor([3.0, 4.0]))
    assert encoding.direction is not None
    assert encoding.direction.tolist() == pytest.approx([0.6, 0.8])
    assert dataclasses.replace(encoding, vector=None).direction is None


def test_a_question_says_first_what_it_says_itself() -> None:
    assert Question.of("a", target="b", foil=None, step=0) == Question("a", target="b", step=0)
    own = Question("a", target="c", position=0)
    assert Question.of(own, target="b", unit="logit") == Question("a", target="c", unit="logit", position=0)
    assert Question.of(own) == own
    assert own.given == {"text": "a", "target": "c", "position": 0}


def test_what_is_not_a_number_is_none_in_json() -> None:
    assert listed(np.array([[1.0, np.nan], [0.0, -2.5]])) == [[1.0, None], [0.0, -2.5]]


def test_a_token_shows_its_text_its_piece_or_that_it_goes_on() -> None:
    assert Token("a", "", "Ġa", 5, 0, 1, False).label == "a"
    assert Token("", "", "[CLS]", 1, 0, 0, True).label == "[CLS]"
    assert Token("", "", "Ģ", 7, 1, 1, False).label == "…"
    assert Token("", " \n\n", "ĠĊĊ", 8, 1, 1, False).label == "⏎⏎"
    assert Token("", " ", "Ġ", 9, 1, 1, True).label == "␣"
