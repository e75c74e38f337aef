"""From a run to its findings: one reading counts, a second finds the places behind what was found."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from explain.dataset.findings.agreement import AgreementTally
from explain.dataset.findings.cues import DOUBT, EVERY, EXCESS, cues, trust
from explain.dataset.findings.effects import READ, TOLD, Counted, by_row, effects_in, told_by
from explain.dataset.findings.errors import error_words
from explain.dataset.findings.faithfulness import FaithfulnessTally
from explain.dataset.findings.found import MINIMUM, MOST, WordFinding
from explain.dataset.findings.heads import HeadTally
from explain.dataset.findings.reading import about_of, iter_batches, labels_of_methods, opened
from explain.dataset.findings.result import Findings
from explain.dataset.findings.rows import RowTally
from explain.dataset.findings.slice import Slice, slices_of_keywords
from explain.dataset.findings.slices import SliceTally
from explain.dataset.findings.tally import Tally
from explain.dataset.findings.where import MOST_PLACES, Places
from explain.dataset.findings.words import word_effects
from explain.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from explain.dataset.reader import Run

Finding = TypeVar("Finding", bound=WordFinding)


def findings(
    run: Run | str | Path,
    *,
    methods: Sequence[str] | None = None,
    unit: str = "words",
    casefold: bool = True,
    minimum: int = MINIMUM,
    most: int = MOST,
    keywords: Sequence[str] = (),
    slices: Sequence[Slice | str] = (),
    places: int = MOST_PLACES,
) -> Findings:
    """What a run found, from its rows alone; it is read in batches, so that memory does not grow with the rows.

    Every mean is over rows, with Student's 95 % interval; tests of many words are corrected (Benjamini and Hochberg, 1995).

    Args:
        run: A run or its folder.
        methods: Which of its methods; all if left out.
        unit: Count "words" (their tokens' scores are summed) or "tokens".
        casefold: Whether "Good" and "good" are one word.
        minimum: In how many rows a word must stand to be looked at, at least 2.
        most: How many words of each list are given.
        keywords: Words or phrases whose effect is wanted.
        slices: Slices of the rows to compare, or what `Slice.read` reads.
        places: How many occurrences each finding carries.

    Raises:
        InputError: The run lacks a method or column, or an argument is out of bounds.
    """
    if minimum < 2 or most < 1 or places < 0:
        raise InputError(f"A word must stand in at least 2 rows, and at least 1 word be given: got minimum={minimum}, most={most}.")
    counted = Counted(unit, casefold)
    run = opened(run)
    labels = labels_of_methods(run, methods)
    names = [label.name for label in labels]
    wanted = [Slice.read(part) if isinstance(part, str) else part for part in slices]
    sliced, keyed = SliceTally(wanted, names), SliceTally(slices_of_keywords(keywords), names)
    words, rows = Tally(), RowTally(names)
    agreement, faithfulness, heads = AgreementTally(labels), FaithfulnessTally(labels), HeadTally()
    for batch in iter_batches(run, (*READ, *sliced.columns)):
        words.add(*_with_trust(batch, by_row(effects_in(batch, names, counted), names), names))
        for tally in (rows, sliced, keyed, agreement, faithfulness, heads):
            tally.add(batch)
    cells = words.table()
    by_method = cells[cells["method"].isin(names)]
    found = (
        word_effects(by_method, minimum=minimum, most=most),
        error_words(by_method, rows.table(), minimum=minimum, most=most),
        cues(cells, minimum=minimum, most=most),
    )
    known = Places(((one.method, one.word) for part in found for one in part), places)
    for batch in iter_batches(run, READ):
        known.add(effects_in(batch, names, counted))
    of_slices, differences = sliced.result()
    return Findings(
        labels=labels,
        about=about_of(run),
        rows=rows.rows,
        refused=run.refused,
        answers=dict(rows.answers.most_common()),
        targets=dict(rows.targets.most_common()),
        counted={"unit": unit, "casefold": casefold, "minimum": minimum, "most": most},
        words=_placed(found[0], known),
        errors=_placed(found[1], known),
        cues=_placed(found[2], known),
        agreement=agreement.result(),
        faithfulness=faithfulness.result(),
        heads=heads.result(),
        keywords=keyed.result()[0],
        slices=of_slices,
        differences=differences,
        notes=rows.notes(),
    )


def _with_trust(batch: pa.RecordBatch, effects: pd.DataFrame, methods: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """The effects of a batch beside how far the model's answers in those rows can be trusted; `EVERY` stands in every row."""
    import pandas as pd

    told = pd.DataFrame({**{name: told_by(batch, name) for name in TOLD}, **trust(batch)})
    every = told.assign(word=EVERY, occurrences=1)
    beside = effects.merge(told[["row", EXCESS, DOUBT]], on="row")
    return pd.concat([beside, every], ignore_index=True), [*methods, EXCESS, DOUBT]


def _placed(found: Sequence[Finding], places: Places) -> tuple[Finding, ...]:
    return tuple(dataclasses.replace(one, places=places.of(one.method, one.word, one.where)) for one in found)
