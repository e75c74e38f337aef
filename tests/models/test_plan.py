"""Plans: every row once, batches of one length, and no place computed twice that two neighbours share."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from explain.models import plan
from explain.models.plan import Places, Plan, in_batches, in_common, with_prefixes


def computed(found: Plan, rows: list[Places], first_read: list[int]) -> int:
    """How many places go through a model that follows the plan; what it takes for known must be what it knows."""
    known: list[list[int]] = []
    places = 0
    for step in found.steps:
        batch = [rows[number].tolist() for number in step.rows]
        assert len({len(row) for row in batch}) == 1
        assert step.kept <= step.shared <= min(first_read[number] for number in step.rows)
        assert all(row[: step.kept] == known[: step.kept] for row in batch)
        assert all(row[: step.shared] == batch[0][: step.shared] for row in batch)
        known = batch[0][: step.shared]
        places += step.shared - step.kept + sum(len(row) - step.shared for row in batch)
    assert sorted(number for step in found.steps for number in step.rows) == list(range(len(rows)))
    return places


def row(*pieces: int) -> Places:
    """A row of pieces of ten places, each of one kind of place."""
    return np.repeat(np.array(pieces), 10)[:, None]


def test_all_subsets_of_documents_go_through_each_beginning_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents of one length that are left out: rows of different lengths, read at their last place."""
    monkeypatch.setattr(plan, "PASS", 0)
    rows = [row(*(number for number, kept in enumerate(keep, start=1) if kept), 9) for keep in product((False, True), repeat=6)]
    read = [len(one) - 1 for one in rows]
    found = with_prefixes(rows, read, lambda length: 1)
    every = 10 * 2**6 - 10  # each subset of the first k documents that ends with the k-th, of 10 places
    assert computed(found, rows, read) == every + 10 * 2**6
    assert sum(map(len, rows)) == 10 * (3 * 2**6 + 2**6)


def test_neighbours_that_begin_alike_share_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """One place of 100 is changed in each row: half of the places are computed, in batches of about as many as are allowed."""
    monkeypatch.setattr(plan, "PASS", 4)
    text = np.arange(1, 101)[:, None]
    rows = [np.where(np.arange(100)[:, None] == place, 0, text) for place in range(99)]
    read = [99] * 99
    found = with_prefixes(rows, read, lambda length: 4)
    assert computed(found, rows, read) < 0.6 * 99 * 100
    assert max(len(step.rows) * (100 - step.shared) for step in found.steps) <= 400
    assert len(found.steps) < 30


@pytest.mark.parametrize("seed", range(8))
def test_random_rows(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(plan, "PASS", 4)
    generator = np.random.default_rng(seed)
    text = generator.integers(1, 9, 40)
    rows = []
    for _ in range(30):
        keep = generator.random(40) < generator.choice([0.5, 0.9, 0.98])
        rows.append((text[keep | (np.arange(40) == 39)] if seed % 2 else np.where(keep, text, 0))[:, None])
    read = [int(generator.integers(len(one))) for one in rows]
    found = with_prefixes(rows, read, lambda length: 5)
    assert computed(found, rows, read) <= sum(map(len, rows))
    alone = in_batches([(len(one),) for one in rows], lambda length: 5)
    assert computed(alone, rows, read) == sum(map(len, rows))
    assert found.work <= alone.work
    assert all(len(step.rows) <= 5 for step in alone.steps)


def test_what_two_rows_have_in_common() -> None:
    assert in_common(row(1, 2), row(1, 3)) == 10
    assert in_common(row(1, 2), row(1)) == 10
    assert in_common(row(1, 2), row(1, 2)) == 20
    assert in_common(np.array([[1, 1], [2, 1]]), np.array([[1, 1], [2, 0]])) == 1  # a place is also whether it is hidden


def test_work_is_expected_as_it_is_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of 10 places and 15 after them: each left out by itself, all coalitions, and some."""
    monkeypatch.setattr(plan, "PASS", 0)
    count = 8
    every = np.array(list(product((False, True), repeat=count)))
    some = np.random.default_rng(0).random((60, count)) < 0.5
    each = np.vstack([np.ones((1, count), dtype=bool), ~np.eye(count, dtype=bool)])
    for keep, coalitions in ((each, None), (every, len(every)), (some, len(some))):
        rows = [np.vstack([row(*(np.flatnonzero(one) + 1), 99), row(98)[:5]]) for one in keep]
        found = with_prefixes(rows, [len(one) - 1 for one in rows], lambda length: 1)
        expected = plan.expected_work([10] * count, 15, coalitions)
        assert expected == pytest.approx(computed(found, rows, [len(one) - 1 for one in rows]), rel=0.2)
