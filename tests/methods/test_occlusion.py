"""Occlusion against one plain forward pass per changed text."""

from __future__ import annotations

import pytest
import torch
from zoo import real, tiny

from explain import tokens
from explain.methods.occlusion import Occlusion
from explain.models.perturbation import Granularity, Replacement


@pytest.mark.parametrize("replacement", [Replacement.MASK, Replacement.PAD, Replacement.DELETE, Replacement.ATTENTION_MASK])
@pytest.mark.parametrize("name", ["bert-masked", "bert-class", "gpt2-next", "t5-span"])
def test_occlusion_is_one_forward_pass_per_token(name: str, replacement: Replacement) -> None:
    made = tiny(name)
    explainer = made.explainer()
    more = {"target": "bad"} if name == "t5-span" else {}
    found = explainer.analyze(made.text, [Occlusion(replacement=replacement)], unit="logit", **more)["occlusion"]
    score = explainer.ask(made.text, unit="logit", **more).scores[0]
    explainer.close()
    encoding, ids = score.encoding, score.encoding.inputs["input_ids"][0]
    prefix = {"decoder_input_ids": encoding.inputs["decoder_input_ids"]} if encoding.has_prefix else {}

    def plain(kept_ids: torch.Tensor, mask: torch.Tensor, position: int | None) -> float:
        with torch.no_grad():
            logits = made.plain(input_ids=kept_ids[None], attention_mask=mask[None], **prefix).logits[0]
        return float(logits[score.target.index] if position is None else logits[position, score.target.index])

    assert found.passes == 1 + sum(not token.special for token in encoding.tokens)
    full = plain(ids, torch.ones_like(ids), encoding.position)
    for index, token in enumerate(encoding.tokens):
        if token.special:
            assert found.scores[index] == 0
            continue
        keep = torch.arange(len(ids)) != index
        changed, mask, position = ids.clone(), torch.ones_like(ids), encoding.position
        if replacement is Replacement.DELETE:
            changed, mask = ids[keep], mask[keep]
            if position is not None and not prefix:
                position = int(keep[: position + 1].sum()) - 1
        elif replacement is Replacement.ATTENTION_MASK:
            mask[index] = int(index == position and not prefix)
        else:
            changed[index] = 4 if replacement is Replacement.MASK else 0
        assert found.scores[index] == pytest.approx(full - plain(changed, mask, position), abs=2e-5), token
    assert found.output == pytest.approx(full, abs=1e-5)


def test_words_are_left_out_whole_and_share_their_fall() -> None:
    made = real("bert-class")
    text = "The film wasn't unwatchable"
    with made.explainer() as explainer:
        found = explainer.analyze(text, [Occlusion(granularity=Granularity.WORDS)])["occlusion"]
    plain = float(made.logits(text)[found.target.index])
    words = tokens.words(found.tokens, text)
    assert [word.text for word in words if not word.special] == ["The", "film", "wasn't", "unwatchable"]
    for word in words:
        ids = made.ids(text)
        ids[0, list(word.indices)] = made.tokenizer.mask_token_id
        with torch.no_grad():
            fall = 0.0 if word.special else plain - float(made.plain(ids).logits[0, found.target.index])
        assert found.scores[list(word.indices)] == pytest.approx(fall / len(word.indices), abs=1e-5)
