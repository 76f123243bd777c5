"""One measured ratio, and how measurements are made."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Measurement(NamedTuple):
    """A ratio within one run.

    Attributes:
        name: what was measured.
        ratio: median over the runs.
        against: what it is a ratio to.
        target: what it should reach at least; None if nothing is asked.
        spread: smallest and largest ratio.
        detail: the figures behind it, with their units.
    """

    name: str
    ratio: float
    against: str
    target: float | None
    spread: tuple[float, float]
    detail: str = ""

    @property
    def missed(self) -> bool:
        """Whether the target was not reached."""
        return self.target is not None and self.ratio < self.target


def measured(
    name: str, ratios: Sequence[float], against: str, target: float | None, detail: str = ""
) -> Measurement:
    """The median of the ratios of several runs, with their spread."""
    spread = (min(ratios), max(ratios))
    return Measurement(name, statistics.median(ratios), against, target, spread, detail)


def cpu_s(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def verdict(what: str, reached: bool) -> None:
    """Print a figure beside its target, a missed one loudly.

    Example:
        >>> verdict("speed 2.0, at least 3", reached=False)
        MISSED   speed 2.0, at least 3
    """
    print(f"{'reached' if reached else 'MISSED':<8} {what}")
