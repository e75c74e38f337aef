"""Turns at the processor: requests compute one at a time and hand over between two forward passes, so that none waits for a whole other."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

SLICE = 0.05
LOOK = 0.05


class Turns:
    """A fair lock that is passed on in time slices.

    Whoever asks first is served first. A request that has computed for `seconds` while others wait goes to the end of the line at its next
    checkpoint; alone it goes on undisturbed. So a request waits at most for one slice and one pass of each that computes at the same time.
    """

    def __init__(self, seconds: float = SLICE) -> None:
        self.seconds = seconds
        self._lock = threading.Lock()
        self._line: deque[threading.Event] = deque()
        self._taken = False

    def take(self, check: Callable[[], None]) -> float:
        """Wait for a turn, and say how long that took.

        Args:
            check: Called now and then meanwhile; what it raises ends the waiting.
        """
        began = time.monotonic()
        with self._lock:
            if not self._taken:
                self._taken = True
                return 0.0
            called = threading.Event()
            self._line.append(called)
        try:
            while not called.wait(LOOK):
                check()
        except BaseException:
            with self._lock:
                mine = called.is_set()
                if not mine:
                    self._line.remove(called)
            if mine:
                self.give()
            raise
        return time.monotonic() - began

    def give(self) -> None:
        """Call the next in line."""
        with self._lock:
            if self._line:
                self._line.popleft().set()
            else:
                self._taken = False

    @property
    def waiting(self) -> int:
        """How many wait for a turn."""
        return len(self._line)


class Turn:
    """The part of one request in the turns: taken at its first checkpoint, handed over at later ones, given back at the end."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._since: float | None = None

    def checkpoint(self, check: Callable[[], None]) -> float:
        """Have a turn from here on; returns how long that took to come."""
        if self._since is not None:
            if not self._turns.waiting or time.monotonic() - self._since < self._turns.seconds:
                return 0.0
            self.end()
        waited = self._turns.take(check)
        self._since = time.monotonic()
        return waited

    def end(self) -> None:
        """Give it back, if one is held."""
        if self._since is not None:
            self._since = None
            self._turns.give()
