"""The tasks, and which of them a loaded model answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from explain.errors import InputError, UnsupportedError
from explain.models.tasks.classification import Classification
from explain.models.tasks.embedding import Embedding
from explain.models.tasks.generation import Generation
from explain.models.tasks.masked_lm import MaskedLM
from explain.models.tasks.next_token import NextToken
from explain.models.tasks.span_infilling import SpanInfilling
from explain.models.tasks.task import Task

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TASKS: dict[str, type[Task]] = {task.name: task for task in (MaskedLM, Classification, NextToken, SpanInfilling, Generation, Embedding)}
"""By name, in the order in which they are shown. A new task is added here, or by `add_task`."""

_HEADS: tuple[tuple[str, str], ...] = (
    ("MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES", "classification"),
    ("MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES", "generation"),
    ("MODEL_FOR_CAUSAL_LM_MAPPING_NAMES", "next_token"),
    ("MODEL_FOR_MASKED_LM_MAPPING_NAMES", "masked_lm"),
    ("MODEL_MAPPING_NAMES", "embedding"),
)


def add_task(task: type[Task]) -> None:
    """Make a task known by its name to `load_model`, `TokenExplainer`, the command line and an app that is built afterwards.

    Raises:
        InputError: Another task has this name.
    """
    if TASKS.setdefault(task.name, task) is not task:
        raise InputError(f"There is a task {task.name!r} already. Give yours another name.")


def task_class(name: str) -> type[Task]:
    """The task called `name`.

    Raises:
        InputError: There is none.
    """
    if name not in TASKS:
        raise InputError(f"The task {name!r} is not known. Choose one of: {', '.join(TASKS)}.")
    return TASKS[name]


def answered_by(head: str) -> tuple[str, ...]:
    """The tasks that a head made for one task answers, that task first."""
    names = [name for name, task in TASKS.items() if head in task.heads]
    return tuple(sorted(names, key=lambda name: name != head))


def detect(class_name: str) -> str:
    """The task that a transformers model class is made for.

    Raises:
        UnsupportedError: None of ours.
    """
    from transformers.models.auto import modeling_auto

    for mapping, task in _HEADS:
        names = getattr(modeling_auto, mapping).values()
        if any(class_name == name or (isinstance(name, tuple) and class_name in name) for name in names):
            return task
    raise UnsupportedError(f"{class_name} has no head that can be explained. Supported: {', '.join(TASKS)}.")


def make_task(name: str, model: PreTrainedModel, *, labels: Sequence[str] = (), prefix: str | None = None) -> Task:
    """The task called `name` for this model; classification by a text-to-text model goes by label words.

    Raises:
        InputError: There is no such task, or it takes no label words here.
        UnsupportedError: The model has no head for it.
    """
    task = task_class(name)
    own = detect(type(model).__name__)
    if own not in task.heads:
        raise UnsupportedError(
            f"{type(model).__name__} cannot do {name}: it has a head for {own}. "
            f"Load the model with {' or '.join(task.auto_classes)}, or choose one of: {', '.join(answered_by(own))}."
        )
    made = task.make(own, labels=labels, prefix=prefix)
    if (made.labels, made.prefix) != (tuple(labels), prefix):
        raise InputError(
            f"Label words and a prefix are for classification by a text-to-text model, but {type(model).__name__} was asked for {name}. "
            "Leave them out."
        )
    return made


__all__ = ["TASKS", "Task", "add_task", "answered_by", "detect", "make_task", "task_class"]
