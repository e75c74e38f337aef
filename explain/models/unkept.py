"""Attention that is too large to keep: the weights of one call at a time, computed again when they are read."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from explain.models.architectures import AttentionSite
from explain.models.instrumentation import Instruments
from explain.models.interruption import checkpoint
from explain.models.probes import AttentionProbe


class Unkept(Mapping[AttentionSite, Tensor]):
    """Weights [B, heads, q, k] by site, of which none is kept."""

    def __init__(self, sites: Mapping[AttentionSite, Tensor], compute: Callable[[AttentionSite], Tensor]) -> None:
        self._sites = list(sites)
        self._compute = compute

    def __getitem__(self, site: AttentionSite) -> Tensor:
        if site not in self._sites:
            raise KeyError(site)
        return self._compute(site)

    def __iter__(self) -> Iterator[AttentionSite]:
        return iter(self._sites)

    def __len__(self) -> int:
        return len(self._sites)


class _ReachedError(Exception):
    """A pass came to the call that it was made for."""


class _Only(AttentionProbe):
    """Takes the weights of the first call of one site, and ends the pass there."""

    def __init__(self, site: AttentionSite) -> None:
        self._site = site
        self.found: Tensor | None = None

    def weights(self, site: AttentionSite, weights: Tensor) -> Tensor:
        if site == self._site:
            self.found = weights
            raise _ReachedError
        return weights


def weights_of(
    instruments: Instruments,
    site: AttentionSite,
    begun: contextlib.AbstractContextManager[None],
    forward: Callable[[], object],
) -> Tensor:
    """The weights of one call, by a pass that ends there.

    Args:
        instruments: Of the model.
        site: The call.
        begun: Within, the pass begins below it.
        forward: The pass.
    """
    probe = _Only(site)
    checkpoint()
    with torch.no_grad(), contextlib.suppress(_ReachedError), begun, instruments.attention(probe):
        forward()
    if probe.found is None:
        raise RuntimeError(f"The pass never came to {site}.")
    return probe.found
