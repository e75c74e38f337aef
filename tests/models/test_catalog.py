"""The models that are recommended: the bundled ones first, by task."""

from __future__ import annotations

import pytest

from explain.models.bundled import bundled_names
from explain.models.catalog import ENTRIES, models_for
from explain.models.tasks import TASKS


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_a_bundled_model_and_bundled_ones_come_first(task: str) -> None:
    found = models_for(task)
    assert all(task in entry.tasks for entry in found)
    assert [entry.bundled for entry in found] == sorted((entry.bundled for entry in found), reverse=True)
    assert found[0].name in bundled_names()
    assert models_for(task, hub=False) == tuple(entry for entry in found if entry.bundled)


def test_entries_name_known_tasks_and_models_once() -> None:
    names = [entry.name for entry in ENTRIES]
    assert len(set(names)) == len(names)
    assert {entry.name for entry in ENTRIES if entry.bundled} == set(bundled_names())
    for entry in ENTRIES:
        assert set(entry.tasks) <= set(TASKS)
        assert ("/" in entry.name) is not entry.bundled
