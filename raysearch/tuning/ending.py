"""Why a running search ends early: Ctrl-C, its time budget, or another that took over. No Ray."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from raysearch.progress import Halt, never
from raysearch.records import INTERRUPTED


class Ending:
    """Asked by a backend between two of its steps; finished trials stay finished."""

    def __init__(self, time_budget_s: float | None = None, halt: Halt = never) -> None:
        """Start the clock.

        Args:
            time_budget_s: the search ends after this many seconds; None for no limit.
            halt: whether it ends as by Ctrl-C, wherever it runs and whatever signals do there.
        """
        self._halt = halt
        self._end = time.monotonic() + (time_budget_s or float("inf"))
        self.reason: str | None = None

    @property
    def is_due(self) -> bool:
        """Whether the search has to end now; `reason` then says why."""
        if self.reason is None and self._halt():
            self.reason = INTERRUPTED
        if self.reason is None and time.monotonic() > self._end:
            self.reason = "the time budget is used up"
        return self.reason is not None

    @contextmanager
    def on_ctrl_c(self) -> Iterator[None]:
        """The first Ctrl-C ends the search cleanly, a second one at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def interrupt(number: int, frame: FrameType | None) -> None:
            self.reason = self.reason or INTERRUPTED
            signal.signal(signal.SIGINT, previous)

        previous = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)
