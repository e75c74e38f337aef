"""Networks and arcs from attention maps alone: what is drawn, what hovering says, what is refused."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from explain.errors import InputError
from explain.methods.attention_flow import attention_flow
from explain.methods.attention_rollout import mixing_steps, rollout
from explain.results import Attribution, Explanation
from explain.types import Family, Prediction, Segment, Target, Token, Unit
from explain.visualization.attention import attention_arcs
from explain.visualization.network import flow_network

TARGET = Target(0, "good", 1.0, 0.5)


def weights(layers, queries, keys, *, causal=False, seed=0):
    values = np.exp(2 * np.random.default_rng(seed).standard_normal((layers, 2, queries, keys)))
    values = np.tril(values) if causal else values
    return values / values.sum(-1, keepdims=True)


def explanation(maps, scores, *, outputs=(), prefix=0, positions=(0,), method="attention"):
    inputs = len(scores) - prefix
    names = [("</s>" if i == inputs - 1 else f"w{i}", Segment.INPUT) for i in range(inputs)]
    names += [(f"p{i}", Segment.OUTPUT) for i in range(prefix)]
    tokens = tuple(Token(text, " ", text, i, 0, 0, False, segment) for i, (text, segment) in enumerate(names))
    attribution = Attribution(
        method=method, family=Family.INTERNAL, signed=False, target_blind=True, tokens=tokens, scores=np.asarray(scores), target=TARGET,
        foil=None, unit=Unit.LOGIT, output=1.0, seconds=0.0, passes=1, maps=maps, positions=positions,
    )  # fmt: skip
    return Explanation(
        "model", "task", "text", tokens, Prediction("task", (TARGET,), "good"), TARGET, None, Unit.LOGIT, (attribution,), outputs
    )


def encoder(size=6, position=2):
    maps = {"self": weights(3, size, size)}
    return explanation(maps, maps["self"].mean((0, 1))[position], positions=(position,))


def encoder_decoder():
    maps = {"encoder": weights(3, 5, 5), "decoder": weights(2, 4, 4, causal=True), "cross": weights(2, 4, 5, seed=1)}
    return explanation(maps, np.full(9, 1 / 9), prefix=4, outputs=(TARGET,), positions=(3,))


def hovers(figure):
    """(text, share) of every line, then of every node."""
    return [[(t.split("<br>")[0], float(t.split("<br>")[1].strip("%")) / 100) for t in trace.text] for trace in figure.data if trace.text]


@pytest.mark.parametrize("kind", ["rollout", "flow"])
def test_lines_and_nodes_are_shares_of_the_influence(kind):
    drawn = encoder()
    layers = mixing_steps(drawn["attention"].maps).layers
    expected = rollout(layers)[2] if kind == "rollout" else attention_flow(layers, [2])[0]
    lines, nodes = hovers(flow_network(drawn, kind=kind, threshold=0))
    assert sum(share for _, share in lines) == pytest.approx(3, abs=0.01)
    assert [share for _, share in nodes[:6]] == pytest.approx(expected / expected.sum(), abs=1e-4)
    assert [share for _, share in nodes[-6:]] == [0, 0, 1, 0, 0, 0]
    assert len(nodes) == 4 * 6


def test_an_encoder_decoder_has_two_stacks():
    drawn = encoder_decoder()
    figure = flow_network(drawn, threshold=0)
    lines, nodes = hovers(figure)
    assert list(figure.layout.xaxis.ticktext) == ["input", "E1", "E2", "E3", "D1", "D2"]
    assert list(figure.layout.yaxis.ticktext) == ["w0", "w1", "w2", "w3", "&lt;/s&gt;", "p0", "p1", "p2", "p3"]
    assert len(nodes) == 4 * 5 + 3 * 4
    influence = rollout(mixing_steps(drawn["attention"].maps).layers)[8]
    assert [share for _, share in nodes[:5]] == pytest.approx(influence[:5], abs=1e-4)
    assert not any(re.fullmatch(r"p\d → (w\d|&lt;/s&gt;)", text) for text, _ in lines)
    assert any(text == "w0 → p3" for text, _ in lines)


def test_the_threshold_leaves_out_weak_lines():
    drawn = encoder(size=20)
    counts = [len(hovers(flow_network(drawn, threshold=threshold))[0]) for threshold in (0, 0.05, 0.5, 1)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 2 * 400 + 20
    assert counts[3] == 3
    assert len(attention_arcs(encoder(60), threshold=0).data[-2].text) == 400


def test_position_can_be_chosen():
    nodes = hovers(flow_network(encoder(), position=5))[1]
    assert [share for _, share in nodes[-6:]] == [0, 0, 0, 0, 0, 1]


def test_figures_are_plain_json():
    for figure in (flow_network(encoder()), flow_network(encoder_decoder(), kind="flow"), attention_arcs(encoder())):
        assert "bdata" not in figure.to_json()
        assert {trace["type"] for trace in json.loads(figure.to_json())["data"]} == {"scatter"}


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: flow_network(explanation({}, [1.0], method="lrp")), "has no attention"),
        (lambda: flow_network(encoder(), kind="tide"), "'tide' is not known. Choose one of: rollout, flow"),
        (lambda: flow_network(encoder(), threshold=1.5), "from 0 to 1, got 1.5"),
        (lambda: flow_network(encoder(), position=6), "no position 6: the last layer has 6"),
        (lambda: attention_arcs(encoder(), group="cross"), "no attention group 'cross'. This model has: self"),
        (lambda: attention_arcs(encoder(), layer=3), "no layer 3"),
        (lambda: attention_arcs(encoder(), query=-1), "no query -1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises(InputError, match=re.escape(message)):
        draw()
