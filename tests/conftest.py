"""What all tests share: one thread each, so that results do not depend on how the machine is loaded, and models of the zoo.

Nothing heavy is imported here: the process that only hands out the tests reads this file too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from cases import CASES, Case

if TYPE_CHECKING:
    from zoo import Tiny

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # also of the processes that tests start


SEQUENCE_TASKS = ("generation", "span_infilling")
NEW_TOKENS = 4


def opened(made: Tiny) -> Iterator[Case]:
    """What a model writes itself is short here: every output token is explained."""
    with pytest.MonkeyPatch.context() as patch, made.explainer() as explainer:
        for task in SEQUENCE_TASKS:
            patch.setattr(f"explain.models.tasks.{task}.NEW_TOKENS", NEW_TOKENS)
        yield Case(made, explainer)


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    """A model with three layers (two in a decoder) and sharp attention."""
    from zoo import tiny

    yield from opened(tiny(request.param, deep=True))


@pytest.fixture(scope="module", params=CASES)
def exact(request: pytest.FixtureRequest) -> Iterator[Case]:
    """The same in double precision, so that different batch sizes do not blur what is compared."""
    from zoo import tiny

    made = tiny(request.param, deep=True)
    made.model.double()
    made.plain.double()
    yield from opened(made)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The families are named by a module that loads transformers, so not where the fixture is defined."""
    own = any("family" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if "family" in metafunc.fixturenames and not own:
        from zoo import FAMILIES, REAL

        metafunc.parametrize("family", [*FAMILIES, *(f"real {name}" for name in REAL)], indirect=True, scope="module")


@pytest.fixture(scope="module")
def family(request: pytest.FixtureRequest) -> Iterator[Case]:
    """A model of every family, and of those whose tokenizers are their own."""
    from zoo import real, tiny

    name = request.param.removeprefix("real ")
    yield from opened(tiny(name) if name == request.param else real(name))
