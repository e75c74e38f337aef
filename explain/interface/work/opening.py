"""What the page opens with: its first example, explained once when the server starts and handed to all visitors."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from explain.interface.work.explaining import explain
from explain.interface.work.verdict import Verdict, verdict_faithfulness
from explain.results import Explanation
from explain.sharing.request import Request


@dataclass(frozen=True)
class Opened:
    """A finished example: what is asked, its explanation, and how faithful its methods are."""

    request: Request
    explanation: Explanation
    verdict: Verdict


class Opening:
    """The finished first example; threads may prepare and read it at the same time."""

    def __init__(self) -> None:
        self._found: Opened | None = None
        self._turn = threading.Lock()

    def prepare(self, request: Request) -> Opened:
        """Explain it, unless that was done; who comes meanwhile waits for the same result."""
        with self._turn:
            if self._found is None or self._found.request != request:
                explanation = explain(request)
                self._found = Opened(request, explanation, verdict_faithfulness(request, explanation))
            return self._found

    def ready(self, request: Request | None = None) -> Opened | None:
        """The finished example, at once; `None` while there is none, or if another request is meant."""
        found = self._found
        return found if found is not None and request in (None, found.request) else None
