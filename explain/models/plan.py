"""In which order and in which batches rows go through a model, so that what they begin with in common is computed once.

A row is a sequence of places; what is computed at a place of a causal decoder depends on the places before it alone. One prefix is known at
any time: it is cut back to what the next batch shares with it, and may first be extended to what the whole batch shares. So rows in
alphabetical order, as all subsets of some documents are, go through every prefix that several of them share once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]
PASS = 32
"""What a pass costs besides its places, in places: as measured on BERT (tests/benchmarks/README.md)."""
WORTH = 0.8
"""The largest share of the work at which what is shared is used."""


@dataclass(frozen=True)
class Step:
    """One batch.

    Attributes:
        rows: Numbers of its rows, which have one length.
        kept: How many places of what is known they begin with.
        shared: How many of their places are known once it was extended for all of them.
    """

    rows: tuple[int, ...]
    kept: int
    shared: int


@dataclass(frozen=True)
class Plan:
    """Batches in their order, and how many places go through the model for them, about."""

    steps: tuple[Step, ...]
    work: float


def in_batches(lengths: Sequence[tuple[int, ...]], rows_of: Callable[[int], int]) -> Plan:
    """Rows of one length each, which share nothing."""
    order = sorted(range(len(lengths)), key=lambda row: lengths[row])
    return _planned(order, lengths, [0] * max(len(order) - 1, 0), [0] * len(lengths), rows_of)


def with_prefixes(rows: Sequence[Places], first_read: Sequence[int], rows_of: Callable[[int], int]) -> Plan:
    """The plan with the least work, which may use that rows begin alike.

    Args:
        rows: What is at each place [length, kinds].
        first_read: The first place of each row whose state the answer reads; it is never left out.
        rows_of: How many rows of a length go through the model at once.
    """
    lengths = [(len(row),) for row in rows]
    keys = [np.ascontiguousarray(row, dtype=">i8").tobytes() for row in rows]
    best = in_batches(lengths, rows_of)
    limit = WORTH * best.work
    for order in (sorted(range(len(rows)), key=keys.__getitem__), sorted(range(len(rows)), key=lambda row: (lengths[row], keys[row]))):
        shared = [in_common(rows[one], rows[other]) for one, other in pairwise(order)]
        plan = _planned(order, lengths, shared, first_read, rows_of)
        if plan.work < min(limit, best.work):
            best = plan
    return best


def in_common(one: Places, other: Places) -> int:
    """How many places two rows begin with in common."""
    length = min(len(one), len(other))
    differing = (one[:length] != other[:length]).any(1)
    return int(differing.argmax()) if differing.any() else length


def expected_work(lengths: Sequence[int], after: int, coalitions: int | None) -> float:
    """About how many places go through the model for texts without some of their pieces, in the order of the text.

    Args:
        lengths: Of the pieces.
        after: Places after the last of them.
        coalitions: How many random subsets are asked; `None` for the whole and each piece left out by itself.
    """
    whole = sum(lengths) + after
    if coalitions is None:
        return float(whole + sum(whole - start for start in accumulate(lengths[:-1], initial=0)))
    ways = np.minimum(2.0 ** np.arange(1, len(lengths) + 1), coalitions)  # different beginnings up to each piece
    return float(ways @ np.asarray(lengths) / 2 + coalitions * after)


def _planned(
    order: Sequence[int],
    lengths: Sequence[tuple[int, ...]],
    shared: Sequence[int],
    first_read: Sequence[int],
    rows_of: Callable[[int], int],
) -> Plan:
    """Batches of neighbours in an order whose neighbours share so many places."""
    steps: list[Step] = []
    work, known, start = 0.0, 0, 0
    while start < len(order):
        length, end = sum(lengths[order[start]]), start + 1
        common = read = first_read[order[start]]
        budget = length * rows_of(length)
        while end < len(order) and lengths[order[end]] == lengths[order[start]]:
            less, least = min(common, shared[end - 1]), min(read, first_read[order[end]])
            rows = end - start
            together = (rows + 1) * (length - min(less, least))
            apart = _cost(rows * (length - min(known if rows == 1 else common, read))) + _cost(length - min(shared[end - 1], least))
            if together > budget or _cost(together) > apart:
                break
            common, read, end = less, least, end + 1
        with_next = shared[end - 1] if end < len(order) else 0
        wanted = min(common if end - start > 1 else max(with_next, known), read)
        kept = reached = min(known, common, read)
        gain = max(end - start - 1, int(wanted <= with_next)) * (wanted - kept)
        if gain > PASS:
            work += _cost(wanted - kept)
            reached = wanted
        work += _cost((end - start) * (length - reached))
        steps.append(Step(tuple(order[start:end]), kept, reached))
        known, start = min(reached, with_next), end
    return Plan(tuple(steps), work)


def _cost(places: int) -> int:
    return places + PASS
