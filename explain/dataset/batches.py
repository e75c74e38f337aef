"""Rows of data explained in batches: texts of one shape share passes, and what cannot be explained stops nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from explain.analysis import Analysis, plain_pass_for, run_many
from explain.dataset.data import Row
from explain.dataset.schema import Explained
from explain.dataset.store import Refused
from explain.errors import ExplainError, InputError
from explain.evaluation.faithfulness import FaithfulnessSettings, faithfulness
from explain.methods.method import Method
from explain.models.explained_model import ExplainedModel
from explain.models.interruption import attempt
from explain.models.joint import batches
from explain.results import Attribution
from explain.types import Encoding, Question


@dataclass(frozen=True)
class Asking:
    """What every row is asked.

    Attributes:
        model: Who is asked.
        methods: How it is explained.
        common: Fields of `Question` that hold for all rows.
        measured: How faithfulness is measured; not at all if `None`.
    """

    model: ExplainedModel
    methods: tuple[Method, ...]
    common: Mapping[str, Any] = field(default_factory=dict)
    measured: FaithfulnessSettings | None = None

    def explain(self, rows: Sequence[Row], done: Callable[[int], None] = lambda count: None) -> Iterator[Explained | Refused]:
        """What becomes of each row, in the order in which they are explained; `done` is told how many are after every batch."""
        questions: dict[int, Question] = {}
        encodings: dict[int, Encoding] = {}
        for place, row in enumerate(rows):
            asked = attempt(partial(self._question, row))
            read = asked if isinstance(asked, ExplainError) else attempt(partial(self.model.encode, asked))
            if isinstance(asked, ExplainError) or isinstance(read, ExplainError):
                yield _refused(row, read)
            else:
                questions[place], encodings[place] = asked, read
        done(len(rows) - len(questions))
        places = list(questions)
        for batch in batches(self.model, self.model.task, list(encodings.values())):
            chosen = [places[number] for number in batch]
            yield from self._batch([rows[i] for i in chosen], [encodings[i] for i in chosen], [questions[i] for i in chosen])
            done(len(batch))

    def _question(self, row: Row) -> Question:
        if not isinstance(row.text, str):
            raise InputError(f"There is no text but {'nothing' if row.text is None else f'{row.text!r:.60}'}.")
        return Question(row.text, **self.common)

    def _batch(self, rows: Sequence[Row], encodings: Sequence[Encoding], questions: Sequence[Question]) -> Iterator[Explained | Refused]:
        how = plain_pass_for(self.methods, self.model, len(rows), len(encodings[0].tokens))
        answers = self.model.answer_many(encodings, questions, **how)
        good: dict[int, Analysis] = {}
        for place, answer in enumerate(answers):
            if isinstance(answer, ExplainError):
                yield _refused(rows[place], answer)
            else:
                good[place] = Analysis(self.model, encodings[place], *answer)
        found = [run_many(list(good.values()), method) for method in self.methods]
        for place, analysis, *parts in zip(good, good.values(), *found, strict=True):
            yield self._explained(rows[place], analysis, parts)

    def _explained(self, row: Row, analysis: Analysis, parts: Sequence[Attribution | ExplainError]) -> Explained | Refused:
        known = [part for part in parts if not isinstance(part, ExplainError)]
        refused = {method.name: part for method, part in zip(self.methods, parts, strict=True) if isinstance(part, ExplainError)}
        if not known:
            return _refused(row, next(iter(refused.values())))
        output = sum(score.value() for score in analysis.scores)
        return Explained(row.number, row.label, analysis.explanation(known), output, refused, self._measure(analysis, known))

    def _measure(self, analysis: Analysis, known: Sequence[Attribution]) -> dict[str, float]:
        """How faithful each method is, where that can be measured: one output token, and neither too few nor too many words."""
        if self.measured is None:
            return {}
        found = attempt(partial(faithfulness, analysis.scores[-1], known, self.measured))
        return {} if isinstance(found, ExplainError) else {curve.name: found.overall(curve) for curve in found.curves}


def _refused(row: Row, error: Any) -> Refused:
    return Refused(row.number, row.text if isinstance(row.text, str) else "", str(error))
