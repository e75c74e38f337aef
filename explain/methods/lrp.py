"""Layer-wise relevance propagation, right for Transformers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from explain.methods.lrp_ledger import Ledger
from explain.methods.lrp_losses import in_words
from explain.methods.lrp_propagation import rules
from explain.methods.lrp_rules import Variant
from explain.methods.method import Method, MethodResult
from explain.methods.option import option
from explain.models.instrumentation import Instruments
from explain.models.joint import Rows
from explain.models.memory import passes_again
from explain.models.passes import Recording, hidden_of
from explain.models.score import Score
from explain.types import Array, Family

TOLERANCE = 1e-3


@dataclass(frozen=True)
class LRP(Method):
    """Relevance of the tokens under AttnLRP (Achtibat et al., 2024, arXiv:2402.05602) or its conservative variant (Ali et al., 2022).

    In units of the score. The rules of `lrp_rules` change the backward pass, so that gradient x input at the embedding layer (captum's
    too) is the relevance. captum's own LRP class has no rule for embeddings and does not see attention, softmax and residuals at all;
    it refuses Transformers. AttnLRP does not conserve: what constants (biases, position and type embeddings), the softmax of
    attention and the normalisation of a (log-)probability absorb is accounted for in `maps["ledger"]` = [sum of the scores, constants,
    softmax, normalisation], which sum to the score; the relative gap of that sum is reported as `gap`,
    and the operations that lose relevance because no rule is known for them are named in the caution.
    `maps["layers_self"]` (or `_encoder`, `_decoder`) holds the relevance [layers, tokens] after every layer.
    """

    name = "lrp"
    title = "LRP"
    summary = "Hands the score back layer by layer to the tokens, each operation dividing it among its inputs."
    caution = "Part of the score stays with biases and softmax, so the scores do not sum to it; the ledger says how much."
    reference = "Achtibat et al. 2024, arXiv:2402.05602; Ali et al. 2022, arXiv:2202.07304; Bach et al. 2015"
    family = Family.EXTERNAL
    signed = True

    variant: Variant = option(Variant.ATTN_LRP, "attn_lrp, or the conservative variant that takes attention weights as constants.")
    ledger: bool = option(True, "Account for what biases and softmax absorb (the same backward pass).")

    def expected_passes(self, score: Score) -> int:
        written_out = not score.model.instruments.attention_is_one
        return 3 + passes_again(score.model, len(score.encoding.tokens), written_out=written_out)

    def compute(self, score: Score) -> MethodResult:
        return self.compute_many([score])[0]

    def under(self, rows: int) -> Propagation:
        return Propagation(self.variant, self.ledger, Ledger(rows))

    def _shared(self, scores: Sequence[Score]) -> tuple[Propagation, torch.Tensor, torch.Tensor] | None:
        """The pass of exactly these rows under these rules, if it was made and its relevance not yet taken; it is forgotten."""
        known = [score.shared for score in scores]
        first = known[0]
        if first is None or not isinstance(first.under, Propagation) or len(scores) != len(first.logits):
            return None
        made = first.under
        if (made.variant, made.keep) != (self.variant, self.ledger) or any(
            one is None or (one.under, one.row) != (made, row) for row, one in enumerate(known)
        ):
            return None
        for score in scores:
            score.forget_shared()
            score.passes = max(score.passes, 1)
        return made, first.embeddings, first.logits

    def compute_many(self, scores: Sequence[Score]) -> list[MethodResult]:
        rows = Rows(tuple(scores))
        shared = self._shared(scores)
        if shared is None:
            made = self.under(len(scores))
            embeddings = rows.embeddings().requires_grad_()
            with torch.enable_grad(), made.active(scores[0].model.instruments):
                values = rows.of_embeddings(embeddings)  # [B]
        else:
            made, embeddings, logits = shared
            with torch.enable_grad(), made.active(scores[0].model.instruments):
                values = rows.of_logits(logits)
        ledger = made.ledger
        outputs = values.tolist()
        if not made.keep:
            relevance = _tokens(_flow(embeddings.detach().double(), torch.autograd.grad(values, embeddings, torch.ones_like(values))[0]))
            return [MethodResult(*found) for found in zip(relevance, outputs, strict=True)]
        hidden = {layer: hidden_of(calls[-1]) for layer, calls in made.recording.outputs.items()}
        if not ledger.by_row:
            return [self.compute(score.anew()) for score in scores]
        relevance, absorbed, states = _account(values, embeddings, ledger, list(hidden.values()))
        layers: dict[str, list[Array]] = {}
        for (group, _), state in zip(hidden, states, strict=True):
            layers.setdefault(f"layers_{group}", []).append(state)
        maps = {group: np.stack(of_layers, axis=1) for group, of_layers in layers.items()}  # [B, layers, tokens]
        found, open_rows = [], []
        for row, output in enumerate(outputs):
            account = np.array([relevance[row].sum(), *absorbed[row]])
            gap = abs(account.sum() - output) / max(abs(output), float(np.abs(account).max()), 1e-12)
            own = {"ledger": account, **{group: values[row] for group, values in maps.items()}}
            lost = in_words(scores[row], self.variant, TOLERANCE) if gap > TOLERANCE and len(scores) == 1 and not ledger.settled else ""
            found.append(MethodResult(relevance[row], output, gap=float(gap), tolerance=TOLERANCE, maps=own, caution=lost))
            if gap > TOLERANCE and len(scores) > 1:
                open_rows.append(row)
        for row in open_rows:  # perhaps the model mixes the rows of a batch in a way of its own
            found[row] = self.compute(scores[row])
        return found


@dataclass(eq=False)
class Propagation:
    """A forward pass under the rules: its backward pass gives relevance or, once and before that, the plain gradient.

    Attributes:
        variant: Whose rules.
        keep: Whether biases and softmax are accounted for.
        ledger: What is noted for that.
        recording: What entered and left the layers.
    """

    variant: Variant
    keep: bool
    ledger: Ledger
    recording: Recording = field(default_factory=Recording)

    @contextlib.contextmanager
    def active(self, instruments: Instruments) -> Iterator[None]:
        with rules(instruments, self.variant, self.ledger, keep=self.keep), instruments.layers(self.recording):
            yield

    @contextlib.contextmanager
    def plain(self) -> Iterator[None]:
        self.ledger.backward.relevance = False
        try:
            yield
        finally:
            self.ledger.backward.relevance = True


def _account(
    values: torch.Tensor, embeddings: torch.Tensor, ledger: Ledger, hidden: list[torch.Tensor]
) -> tuple[Array, Array, list[Array]]:
    """Relevance at the embeddings [B, n]; what constants, softmax and normalisation absorb [B, 3]; relevance of the states [B, n] each.

    In one backward pass.
    """
    given, normal = [pair[0] for pair in ledger.normalised], [pair[1] for pair in ledger.normalised]
    parts = [[leaf for leaf in part if leaf.requires_grad] for part in (ledger.constants, ledger.weights, ledger.scores, normal, given)]
    leaves = [embeddings, *hidden, *(leaf for part in parts for leaf in part)]
    gradients = torch.autograd.grad(values, leaves, torch.ones_like(values), allow_unused=True)
    flows = [_flow(leaf.detach(), gradient) for leaf, gradient in zip(leaves, gradients, strict=True)]
    flows[0] = _flow(embeddings.detach().double(), gradients[0])  # the scores themselves are summed in double precision
    relevance, *states = (_tokens(flow) for flow in flows[: 1 + len(hidden)])
    rest = iter(flows[1 + len(hidden) :])
    sums = [
        sum((next(rest).reshape(len(values), -1).sum(1).double() for _ in part), values.new_zeros(1, dtype=torch.float64)) for part in parts
    ]
    constants, weights, scores, after, before = sums
    biases, softmax = ledger.absorbed(values)
    absorbed = torch.stack(torch.broadcast_tensors(constants + biases, weights - scores + softmax, after - before), dim=-1)
    absorbed = absorbed + sum(ledger.settled)
    return relevance, np.asarray(absorbed.expand(len(values), -1).cpu()), states


def _tokens(flow: torch.Tensor) -> Array:
    """Relevance [B, n, d] as one number per token [B, n]."""
    return np.asarray(flow.sum(-1).double().cpu())


def _flow(leaf: torch.Tensor, gradient: torch.Tensor | None) -> torch.Tensor:
    """Gradient times input; where a mask is infinite nothing comes through."""
    return torch.zeros_like(leaf) if gradient is None else (leaf * gradient).nan_to_num_(0.0, torch.inf, -torch.inf)
