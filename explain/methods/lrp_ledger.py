"""What relevance does not reach the input embeddings, kept while a pass runs under LRP's rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor


@dataclass
class Backward:
    """What a backward pass carries, and what biases absorb in it; it knows no tensor of the graph, which knows it.

    Attributes:
        rows: Of the batch.
        relevance: Whether the pass carries relevance, or the plain gradient.
        biases: What biases absorbed, by row [B].
    """

    rows: int = 1
    relevance: bool = True
    biases: Tensor | None = None

    def absorb(self, bias: Tensor, gradient: Tensor | None) -> None:
        """Note the share of a bias, from the gradient of what it was added to."""
        if self.relevance and gradient is not None:  # nothing comes back where a rule lets nothing through
            flow = gradient @ bias if bias.dim() == 1 else gradient * bias
            absorbed = flow.double().reshape(self.rows, -1).sum(1)
            self.biases = absorbed if self.biases is None else self.biases + absorbed


@dataclass
class Ledger:
    """What relevance does not reach the input embeddings: constants added on the way, and what softmax absorbs.

    Attributes:
        rows: Of the batch, each with constants of its own.
        backward: What a backward pass carries.
        constants: Position and type embeddings [B, …], as leaves of the graph.
        weights: Attention weights of every call.
        scores: Query key products of every call.
        normalised: (input, output) of every softmax and log-softmax, attention's among them.
        attention: Attention weights of every call, whether or not relevance passes through them.
        by_row: Whether all constants could be given to the rows.
    """

    rows: int = 1
    backward: Backward = field(init=False)
    constants: list[Tensor] = field(default_factory=list)
    weights: list[Tensor] = field(default_factory=list)
    scores: list[Tensor] = field(default_factory=list)
    normalised: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    attention: list[Tensor] = field(default_factory=list)
    by_row: bool = True

    def __post_init__(self) -> None:
        self.backward = Backward(self.rows)

    def constant(self, tensor: Tensor) -> Tensor:
        """A constant as a leaf of the graph."""
        self.constants.append(tensor.detach().clone().requires_grad_())
        return self.constants[-1]

    def embedded(self, embedded: Tensor) -> Tensor:
        """Rows of an embedding table [B or 1, n, d]."""
        if self.rows == 1:
            return self.constant(embedded)
        if embedded.dim() < 3 or len(embedded) not in (1, self.rows):
            self.by_row = False
            return embedded
        return self.constant(embedded.expand(self.rows, *embedded.shape[1:]))

    def lone(self, bias: Tensor) -> Tensor:
        """A bias that is added to what no relevance comes from."""
        if self.rows > 1:
            self.by_row = False
            return bias
        return self.constant(bias)

    def biased(self, output: Tensor, bias: Tensor) -> Tensor:
        """The same output [B or B * n, …, d], whose bias is noted in the backward pass."""
        if len(output) % self.rows:
            self.by_row = False
        else:
            output.register_hook(partial(self.backward.absorb, bias.detach()))
        return output

    def absorbed(self, like: Tensor) -> Tensor:
        """What biases absorbed [B]."""
        known = self.backward.biases
        return torch.zeros(self.rows, dtype=torch.float64, device=like.device) if known is None else known
