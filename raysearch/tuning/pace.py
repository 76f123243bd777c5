"""How long trials take, and what follows for how they are given to workers. No Ray."""

from __future__ import annotations

import statistics
from collections import deque

from raysearch.records import Record

# Above this a trial hides Tune's overhead.
LONG_S = 2.0
_FIRST = 5
_LAST = 20
# A batch should last long beside a round trip and short beside a study.
_BATCH_S = 4.0
_BATCH_MOST = 32


class Pace:
    """Seconds of the last trials that trained; failed ones say nothing about it."""

    def __init__(self) -> None:
        """Start without trials."""
        self._seconds: deque[float] = deque(maxlen=_LAST)

    def add(self, record: Record) -> None:
        """Note how long a trial took."""
        if record.state != "FAIL":
            self._seconds.append(record.seconds)

    @property
    def median_s(self) -> float:
        """Median seconds of the last trials; infinite before the first has ended."""
        return statistics.median(self._seconds) if self._seconds else float("inf")

    @property
    def is_known(self) -> bool:
        """Whether enough trials have ended to judge by."""
        return len(self._seconds) >= _FIRST

    @property
    def is_long(self) -> bool:
        """Whether trials are known to take long."""
        return self.is_known and self.median_s >= LONG_S

    @property
    def batches_ahead(self) -> int:
        """Batches that wait at a worker beside the one that runs.

        A long trial hides the round trip, and the later a setup is suggested the better.
        """
        return 1 if self.median_s < LONG_S else 0

    def batch(self, left: int, workers: int) -> int:
        """Trials in a batch, so that it lasts a while but the last ones are shared evenly.

        Args:
            left: trials not given yet.
            workers: among whom they are shared.
        """
        fair = -(-left // (2 * max(workers, 1)))
        lasting = int(min(_BATCH_S / max(self.median_s, 1e-9), _BATCH_MOST))
        return max(1, min(lasting, fair))
