"""The endpoints that explain a text, one per task, and the catalog of what there is."""

from __future__ import annotations

from explain.defaults import DEFAULT_METHODS
from explain.interface.endpoints.endpoint import Answer, Endpoint, Given, default_model
from explain.interface.endpoints.parameters import parameter
from explain.interface.work.explaining import explain
from explain.methods.catalog import METHODS
from explain.models.catalog import models_for
from explain.models.tasks import TASKS, Task
from explain.sharing.request import LATER


def explanation(given: Given) -> Answer:
    """All numbers of an explanation, with what they sum to if that is asked."""
    found = explain(given.request)
    sums = {} if given["by"] is None else {"segments": found.by(given["by"]).to_dict()}
    return found.to_dict(maps=given.get("maps", False)) | sums


def _of_task(task: type[Task]) -> Endpoint:
    """The endpoint of a task, made from what the task says that it asks."""
    return Endpoint(
        task.name,
        task.intro,
        (
            parameter("text", help=task.text_label),
            parameter("model", default=default_model(task.name)),
            parameter("methods"),
            *(parameter(name, help=label) for name, label in task.asks.items() if name not in LATER),
            parameter("options"),
            parameter("maps"),
            parameter("by"),
            *(parameter(name) for name in LATER if name == "spans" or (task.chats and name != "span") or name in task.asks),
        ),
        explanation,
        {"task": task.name},
    )


def _catalog(given: Given) -> Answer:
    return {
        "tasks": {
            name: {
                "title": task.title,
                "units": [unit.value for unit in task.units],
                "models": [{"name": entry.name, "bundled": entry.bundled} for entry in models_for(name)],
            }
            for name, task in TASKS.items()
        },
        "methods": [method.describe() for method in METHODS.values()],
        "default_methods": list(DEFAULT_METHODS),
    }


CATALOG = Endpoint("catalog", "Tasks with their units and models, and methods with their options.", (), _catalog)


def task_endpoints() -> tuple[Endpoint, ...]:
    """Those of all tasks that are known now."""
    return tuple(map(_of_task, TASKS.values()))
