"""How far a scan is, said now and then."""

from __future__ import annotations

import time

from raysearch.progress import Say
from raysearch.scanning.cells import Cell
from raysearch.scanning.results import Full

_SAY_EVERY_S = 5.0


class ScanProgress:
    """Counts trials, and says lines that are few however short the trials are."""

    def __init__(self, done: int, total: int, say: Say) -> None:
        """Start at `done` of `total` trials."""
        self._done, self._before, self._total, self._say = done, done, total, say
        self._started = time.monotonic()
        self._due = 0.0

    def trials(self, count: int, cell: Cell, detector: str) -> None:
        """So many trials have ended."""
        self._done += count
        now = time.monotonic()
        if now > self._due or self._done == self._total:
            self._due = now + _SAY_EVERY_S
            self._say(
                f"[{self._done:>5}/{self._total}] trials ended, the last of {cell} {detector}; "
                f"{self._left()}"
            )

    def full(self, cell: Cell, detector: str, objective: str, full: Full) -> None:
        """A chosen set has been retrained."""
        if full.error is not None:
            self._say(
                f"{cell} {detector}: retraining the choice of {objective} failed: {full.error}"
            )
        elif "max_sic" in full.metrics:
            self._say(
                f"{cell} {detector}: set {full.set}, chosen by {objective}, has max SIC "
                f"{full.metrics['max_sic']:.2f} on the full statistics"
            )

    def _left(self) -> str:
        rate = (time.monotonic() - self._started) / max(1, self._done - self._before)
        return f"about {rate * (self._total - self._done) / 60:.0f} min of trials left"
