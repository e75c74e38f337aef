"""Passes that begin in the middle give what whole passes give."""

from __future__ import annotations

import pytest
import torch
from cases import Case
from torch import Tensor

from explain.models.passes import Recording, Resumed, hidden_of, with_hidden


def test_a_recording_holds_what_enters_and_leaves_every_layer(case: Case) -> None:
    score, instruments = case.score(), case.model.instruments
    seen: dict[tuple[str, int], list[tuple[Tensor, Tensor]]] = {}
    handles = []
    for stack, blocks in instruments.architecture.blocks.items():
        for layer, block in enumerate(blocks):

            def hook(_, args, kwargs, output, at=(stack, layer)):  # type: ignore[no-untyped-def]
                seen.setdefault(at, []).append((args[0] if args else kwargs["hidden_states"], hidden_of(output)))

            handles.append(block.register_forward_hook(hook, with_kwargs=True))
    recording = Recording()
    with torch.no_grad(), instruments.layers(recording):
        score.anew().value()
    for handle in handles:
        handle.remove()
    assert list(recording.inputs) == list(seen)
    for layer, calls in seen.items():
        assert len(calls) == len(recording.inputs[layer]) == len(recording.outputs[layer])
        for call, (entered, left) in enumerate(calls):
            assert torch.equal(recording.inputs[layer][call], entered)
            assert torch.equal(hidden_of(recording.outputs[layer][call]), left)
    for stack in instruments.architecture.blocks:
        states = recording.states(stack) if (stack, 0) in seen else None
        if states is not None:
            expected = [seen[stack, 0][0][0], *(seen[at][0][1] for at in seen if at[0] == stack)]
            assert torch.equal(states, torch.cat(expected))


def test_a_pass_resumed_anywhere_gives_the_same_answer_in_every_row(exact: Case) -> None:
    score, instruments = exact.score(), exact.model.instruments
    blocks, trace = instruments.architecture.blocks, score.trace
    plain = score.answers().scores[0]
    tolerance = 1e-6 if exact.made.name.startswith("t5") else 1e-10
    for stack in dict.fromkeys(stack for stack, _ in trace.layers.inputs):
        for layer in range(-1, len(blocks[stack])):
            with instruments.layers(Resumed(blocks, trace.layers, stack, layer, 3)):
                assert score.answers(3).scores == pytest.approx([plain] * 3, abs=tolerance)


def test_layers_that_are_known_are_not_computed(case: Case) -> None:
    score, instruments = case.score(), case.model.instruments
    blocks, trace = instruments.architecture.blocks, score.trace
    computed: list[str] = []
    stacks = list(dict.fromkeys(stack for stack, _ in trace.layers.inputs))
    handles = [
        module.register_forward_hook(lambda *_, stack=stack: computed.append(stack))
        for stack in stacks
        for block in blocks[stack]
        for name, module in block.named_modules()
        if name.endswith(("mlp", "intermediate", "DenseReluDense", "fc1"))
    ]
    calls = len(trace.layers.inputs[stacks[-1], 0])
    with instruments.layers(Resumed(blocks, trace.layers, stacks[-1], 0, 1)):
        score.answers()
    for handle in handles:
        handle.remove()
    assert computed == [stacks[-1]] * (len(blocks[stacks[-1]]) - 1) * calls


def test_a_state_may_be_given_where_the_pass_begins(case: Case) -> None:
    score, instruments = case.score(), case.model.instruments
    blocks, trace = instruments.architecture.blocks, score.trace
    stack = next(iter(trace.layers.inputs))[0]
    own = hidden_of(trace.layers.outputs[stack, 0][0])
    states = torch.cat([own, own * 0.5])
    with instruments.layers(Resumed(blocks, trace.layers, stack, 0, 2, lambda call: states)):
        found = score.answers(2).scores
    block = blocks[stack][0]
    handle = block.register_forward_hook(lambda _, __, output: with_hidden(output, hidden_of(output) * 0.5))
    halved = score.answers().scores[0]
    handle.remove()
    assert found == pytest.approx([score.answers().scores[0], halved], abs=1e-5)
    assert found[0] != pytest.approx(found[1], abs=1e-4)
