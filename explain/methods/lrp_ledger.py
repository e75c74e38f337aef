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
        softmax: What the softmax of attention absorbed where its weights were not written out, by row [B].
    """

    rows: int = 1
    relevance: bool = True
    biases: Tensor | None = None
    softmax: Tensor | None = None

    def shared(self, product: Tensor, factors: int) -> Tensor:
        """The product, whose relevance goes to its factors in equal parts."""
        if product.requires_grad:
            product.register_hook(partial(self._share, factors))
        return product

    def _share(self, factors: int, gradient: Tensor | None) -> Tensor | None:
        return gradient / factors if self.relevance and gradient is not None else gradient

    def passed(self, share: float, tensor: Tensor, gradient: Tensor) -> None:
        """Note a share of what flows through a tensor [B, …] as absorbed by softmax, from its gradient."""
        if self.relevance:
            flow = share * (tensor * gradient).reshape(self.rows, -1).sum(1, dtype=torch.float64)
            self.softmax = flow if self.softmax is None else self.softmax + flow

    def absorb(self, bias: Tensor, gradient: Tensor | None) -> None:
        """Note the share of a bias, from the gradient of what it was added to."""
        if self.relevance and gradient is not None:  # nothing comes back where a rule lets nothing through
            flow = gradient @ bias if bias.dim() == 1 and len(bias) == gradient.shape[-1] else gradient * bias
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
        scores: What they are the softmax of.
        normalised: (input, output) of every other softmax and log-softmax.
        noting: Whether what is called now is noted; not between scores and weights, which are accounted for as one.
        settled: What softmax and constants, by the leaves above, absorbed in layers that were computed again [B, 3].
        by_row: Whether all constants could be given to the rows.
    """

    rows: int = 1
    backward: Backward = field(init=False)
    constants: list[Tensor] = field(default_factory=list)
    weights: list[Tensor] = field(default_factory=list)
    scores: list[Tensor] = field(default_factory=list)
    normalised: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    noting: bool = True
    settled: list[Tensor] = field(default_factory=list)
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

    def softmax(self, given: Tensor, output: Tensor, *, attention: bool) -> None:
        """Note a softmax."""
        if self.noting and attention:
            self.scores.append(given)
            self.weights.append(output)
        elif self.noting:
            self.normalised.append((given, output))

    def biased(self, output: Tensor, bias: Tensor) -> Tensor:
        """The same output [B or B * n, …, d], whose bias is noted in the backward pass."""
        if output.dim() == 0 or len(output) % self.rows:
            self.by_row = False
        elif output.requires_grad:
            output.register_hook(partial(self.backward.absorb, bias.detach()))
        return output

    def absorbed(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """What biases and the softmax of attention that was not written out absorbed, both [B]."""
        none = torch.zeros(self.rows, dtype=torch.float64, device=like.device)
        biases, softmax = self.backward.biases, self.backward.softmax
        return none if biases is None else biases, none if softmax is None else softmax
