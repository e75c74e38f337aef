"""How far the methods agree over a run: Kendall's tau on every text, averaged with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from explain.dataset.findings.effects import lists_of, scores_of
from explain.dataset.findings.moments import Moments
from explain.evaluation.agreement import MeanAgreement, Measure
from explain.evaluation.labels import MethodLabel
from explain.types import Array

if TYPE_CHECKING:
    import pyarrow as pa


class AgreementTally:
    """Tau of every pair of methods over rows, taken in batch by batch; special tokens are left out.

    As for one text, a method without a sign is compared with the absolute scores of the other, and a pair that has no ranking on a text
    counts as no agreement there.
    """

    def __init__(self, labels: Sequence[MethodLabel]) -> None:
        self._labels = tuple(labels)
        self._signed = np.array([label.signed for label in labels], dtype=bool)
        count = len(labels)
        self._moments = Moments(*(np.zeros((count, count)) for _ in range(3)))

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in the rows of a batch that all methods have scores of."""
        if len(self._labels) < 2:
            return
        columns = [lists_of(scores_of(batch, label.name), len(batch)) for label in self._labels]
        special = lists_of(batch["special"], len(batch))
        taus = []
        for kept, *scores in zip(special, *columns, strict=True):
            if all(values is not None for values in scores) and (~kept.astype(bool)).sum() > 1:
                taus.append(tau_matrix(np.stack(scores)[:, ~kept.astype(bool)], self._signed))
        if taus:
            self._moments += Moments.of(np.nan_to_num(np.stack(taus)))

    def result(self) -> MeanAgreement | None:
        """The mean over all rows with Student's intervals; `None` for fewer than two methods or no row."""
        rows = int(self._moments.rows.max(initial=0))
        return MeanAgreement(self._labels, rows, {Measure.KENDALL: self._moments.interval()}) if rows else None


def tau_matrix(scores: Array, signed: npt.NDArray[np.bool_]) -> Array:
    """Kendall's tau-b of every pair of methods [m, m] on the scores [m, n] of one text; NaN where one is constant.

    Tau-b is the cosine of the signs of all differences between two tokens: ties are its zeros.
    """
    both = np.stack([scores, np.abs(scores)])  # [2, m, n]
    signs = np.sign(both[..., :, None] - both[..., None, :]).reshape(2, len(scores), -1)  # [2, m, n²]
    products = signs @ signs.transpose(0, 2, 1)  # [2, m, m]
    size = np.sqrt(np.diagonal(products, axis1=1, axis2=2))
    with np.errstate(divide="ignore", invalid="ignore"):
        tau = products / (size[:, :, None] * size[:, None, :])
    both_signed = signed[:, None] & signed[None, :]
    return np.asarray(np.where(both_signed, tau[0], tau[1]), dtype=np.float64)
