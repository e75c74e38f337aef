"""Targets are entries of the vocabulary, and only the explained position meets the head."""

from __future__ import annotations

from typing import Any

import pytest
from zoo import FAMILIES, real, tiny

from explain import TargetError

MASKED = ["bert-masked", "roberta-masked"]
CAUSAL = ["gpt2-next", "llama-next"]


@pytest.mark.parametrize(
    "name", [n for n, (_, _, task) in FAMILIES.items() if task in ("masked_lm", "next_token", "span_infilling", "generation")]
)
def test_only_explained_positions_go_through_the_head(name: str) -> None:
    made = tiny(name)
    explainer = made.explainer()
    analysis = explainer.ask(made.text)
    seen: list[int] = []
    head = made.model.get_output_embeddings()
    handle = head.register_forward_hook(lambda module, given, output: seen.append(given[0].shape[:-1].numel()))
    score = analysis.scores[0].anew()
    score.value()
    score.of_embeddings(score.embeddings().repeat(3, 1, 1))
    handle.remove()
    assert seen == [1, 3]
    explainer.close()


@pytest.mark.parametrize("name", [*MASKED, *CAUSAL])
def test_a_target_is_meant_with_or_without_its_space(name: str) -> None:
    made = real(name)
    text = f"the film was {made.tokenizer.mask_token}" if made.task == "masked_lm" else "the film was"
    with made.explainer() as explainer:

        def index(target: Any) -> int:
            return explainer.ask(text, target=target).scores[0].target.index

        vocabulary = made.tokenizer.get_vocab()
        spellings = [vocabulary[piece] for piece in ("good", "Ġgood", "▁good") if piece in vocabulary]
        logits = {spelling: explainer.ask(text, target=spelling).scores[0].target.logit for spelling in spellings}
        assert index("good") == max(spellings, key=lambda spelling: logits[spelling])  # the likelier of the two
        assert index(" good") == spellings[-1]
        assert index(spellings[-1]) == spellings[-1]
        with pytest.raises(TargetError, match="is not one token"):
            index("notgoodxyz")


def test_targets_of_several_pieces_name_them_as_a_person_reads_them() -> None:
    made = real("gpt2-next")
    with made.explainer() as explainer, pytest.raises(TargetError) as caught:
        explainer.ask("the film", target="film plot")
    assert "film + plot" in str(caught.value)
    assert "Ġ" not in str(caught.value)
