"""What all tests share: one thread each, so that results do not depend on how the machine is loaded, and models of the zoo."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch
from cases import CASES, Case
from threadpoolctl import threadpool_limits
from zoo import FAMILIES, REAL, real, tiny

threadpool_limits(1)
torch.set_num_threads(1)
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # of the processes that tests start


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    """A model with three layers (two in a decoder) and sharp attention."""
    made = tiny(request.param, deep=True)
    with made.explainer() as explainer:
        yield Case(made, explainer)


@pytest.fixture(scope="module", params=CASES)
def exact(request: pytest.FixtureRequest) -> Iterator[Case]:
    """The same in double precision, so that different batch sizes do not blur what is compared."""
    made = tiny(request.param, deep=True)
    made.model.double()
    made.plain.double()
    with made.explainer() as explainer:
        yield Case(made, explainer)


@pytest.fixture(scope="module", params=[*FAMILIES, *(f"real {name}" for name in REAL)])
def family(request: pytest.FixtureRequest) -> Iterator[Case]:
    """A model of every family, and of those whose tokenizers are their own."""
    name = request.param.removeprefix("real ")
    made = tiny(name) if name == request.param else real(name)
    with made.explainer() as explainer:
        yield Case(made, explainer)
