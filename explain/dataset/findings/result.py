"""All that a run has to say, from its rows alone: no model is asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from explain.dataset.findings.cues import Cue
from explain.dataset.findings.errors import ErrorWord
from explain.dataset.findings.faithfulness import MeanFaithfulness
from explain.dataset.findings.found import flat
from explain.dataset.findings.heads import HeadEffects
from explain.dataset.findings.slices import SliceDifference, SliceFinding
from explain.dataset.findings.words import WordEffect
from explain.errors import InputError
from explain.evaluation.agreement import MeanAgreement, Measure
from explain.evaluation.labels import Labelled, MethodLabel

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Findings(Labelled):
    """What a run found. Effects are scores summed over a word's tokens: positive pushes towards the explained target.

    Attributes:
        labels: The methods.
        about: Model, task, score unit and what else holds for the whole run.
        rows: How many rows were explained.
        refused: How many could not be.
        answers: (label, prediction) -> rows; the label is `None` where there is none.
        targets: What is explained, the most frequent first -> rows.
        counted: What counts as a word ("words" or "tokens"), whether case matters, and in how many rows it must stand.
        words: Words with the largest mean effect by method and class.
        errors: Words whose effect differs between wrong and right answers to rows of one label.
        cues: Words that push towards a class regardless of the label; those that mislead are `spurious`.
        agreement: Of the methods; `None` for fewer than two.
        faithfulness: Of the methods; `None` where it was not recorded.
        heads: Of heads switched off; `None` where they were not recorded.
        keywords: The effect of the words that were asked for.
        slices: What slices of the rows have.
        differences: What differs between every two slices.
        notes: What a reader must know.
    """

    labels: tuple[MethodLabel, ...]
    about: Mapping[str, Any]
    rows: int
    refused: int
    answers: Mapping[tuple[str | None, str], int]
    targets: Mapping[str, int]
    counted: Mapping[str, Any]
    words: tuple[WordEffect, ...]
    errors: tuple[ErrorWord, ...]
    cues: tuple[Cue, ...]
    agreement: MeanAgreement | None
    faithfulness: MeanFaithfulness | None
    heads: HeadEffects | None
    keywords: tuple[SliceFinding, ...]
    slices: tuple[SliceFinding, ...]
    differences: tuple[SliceDifference, ...]
    notes: tuple[str, ...]

    @property
    def spurious(self) -> tuple[Cue, ...]:
        """The cues that mislead."""
        return tuple(cue for cue in self.cues if cue.spurious)

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON; what does not exist is `None`."""
        listed = {name: [found.to_dict() for found in getattr(self, name)] for name in _LISTED}
        single = {
            name: None if (found := getattr(self, name)) is None else found.to_dict() for name in ("agreement", "faithfulness", "heads")
        }
        return {
            "methods": {label.name: {"title": label.title, "family": label.family.value, "signed": label.signed} for label in self.labels},
            "about": dict(self.about),
            "rows": self.rows,
            "refused": self.refused,
            "answers": [{"label": label, "prediction": said, "rows": rows} for (label, said), rows in self.answers.items()],
            "targets": dict(self.targets),
            "counted": dict(self.counted),
            **listed,
            **single,
            "notes": list(self.notes),
        }

    def to_frame(self, kind: str = "words") -> pd.DataFrame:
        """One table of findings as a data frame; `to_frames` lists the kinds.

        Raises:
            InputError: There is no such kind.
        """
        frames = self.to_frames()
        if kind not in frames:
            raise InputError(f"There is no table {kind!r} of findings. Choose from: {', '.join(frames)}.")
        return frames[kind]

    def to_frames(self) -> dict[str, pd.DataFrame]:
        """Every table by name; an empty one where nothing was found."""
        import pandas as pd

        told = {"errors": ErrorWord, "words": WordEffect, "cues": Cue}
        frames = {name: _frame(getattr(self, name), told[name]) for name in ("words", "errors", "cues")}
        frames["cues"].insert(3, "spurious", [cue.spurious for cue in self.cues])
        for name in ("keywords", "slices", "differences"):
            rows = [
                {
                    **{key: value for key, value in vars(found).items() if key not in ("values", "places")},
                    "quantity": quantity,
                    **vars(measure),
                }
                for found in getattr(self, name)
                for quantity, measure in found.values.items()
            ]
            frames[name] = pd.DataFrame(rows)
        frames["agreement"] = _agreement(self.agreement)
        frames["faithfulness"] = _faithfulness(self.faithfulness)
        frames["heads"] = pd.DataFrame() if self.heads is None else self.heads.to_frame()
        frames["answers"] = pd.DataFrame([(*key, rows) for key, rows in self.answers.items()], columns=["label", "prediction", "rows"])
        return frames


_LISTED = ("words", "errors", "cues", "keywords", "slices", "differences")


def _frame(found: Sequence[Any], kind: type) -> pd.DataFrame:
    import pandas as pd

    rows = [flat(dataclasses.asdict(one)) for one in found]
    return pd.DataFrame(rows, columns=None if rows else [item.name for item in dataclasses.fields(kind) if item.name != "places"])


def _agreement(found: MeanAgreement | None) -> pd.DataFrame:
    import pandas as pd

    rows = []
    if found is not None:
        tau = found.matrices[Measure.KENDALL]
        names = found.methods
        pairs = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names))]
        rows = [(names[i], names[j], *(float(part[i, j]) for part in (tau.mean, tau.low, tau.high)), found.texts) for i, j in pairs]
    return pd.DataFrame(rows, columns=["method", "other", "tau", "low", "high", "rows"])


def _faithfulness(found: MeanFaithfulness | None) -> pd.DataFrame:
    import pandas as pd

    rows = []
    if found is not None:
        rows = [
            (name, found.rank[name], float(value.mean), float(value.low), float(value.high), found.texts)
            for name, value in found.overall.items()
        ]
    return pd.DataFrame(rows, columns=["method", "rank", "mean", "low", "high", "rows"])
