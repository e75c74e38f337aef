"""Two attributions of one question, equal within a tolerance."""

from __future__ import annotations

from typing import Any

import numpy as np

from explain.results import Attribution


def same(first: Attribution, second: Attribution, *, relative: float) -> None:
    """Scores, maps and outputs are equal up to a share of the largest of their kind."""

    def close(one: Any, other: Any, what: str) -> None:
        one, other = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
        largest = max(float(np.nanmax(np.abs(one), initial=0.0)), 1e-12)
        np.testing.assert_allclose(one, other, rtol=0, atol=relative * largest, err_msg=f"{first.method}: {what}")

    close(first.scores, second.scores, "scores")
    close(first.output, second.output, "output")
    assert set(first.maps) == set(second.maps)
    for name in first.maps:
        close(first.maps[name], second.maps[name], name)
    assert (first.baseline_output is None) == (second.baseline_output is None)
    assert first.positions == second.positions
