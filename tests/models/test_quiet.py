"""Silence is shared by threads and ends with the last of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from transformers.utils import logging

from explain.models.quiet import quiet


def test_what_was_set_before_is_set_again_when_the_last_thread_has_left() -> None:
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.INFO)
    logging.enable_progress_bar()
    inside, first = Barrier(2), Barrier(2)

    def stay(longer: bool) -> tuple[int, bool]:
        with quiet():
            inside.wait()
            if not longer:
                return logging.get_verbosity(), logging.is_progress_bar_enabled()
            first.wait()
            return logging.get_verbosity(), logging.is_progress_bar_enabled()

    with ThreadPoolExecutor(2) as pool:
        long, short = pool.submit(stay, True), pool.submit(stay, False)
        assert short.result() == (logging.ERROR, False)
        first.wait()
        assert long.result() == (logging.ERROR, False)
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (logging.INFO, True)
    with pytest.raises(RuntimeError), quiet():
        raise RuntimeError
    assert logging.get_verbosity() == logging.INFO
    logging.set_verbosity(before[0])
    (logging.enable_progress_bar if before[1] else logging.disable_progress_bar)()
