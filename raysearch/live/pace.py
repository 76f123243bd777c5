"""How fast trials end, how many workers that takes, and when the search will be over."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

_LAST = 60
# Between two ends a study that was interrupted may have lain for days.
_PAUSE_S = 60.0
_PAUSE_FACTOR = 30


class Pace(NamedTuple):
    """The pace of the last trials.

    Attributes:
        interval_s: mean seconds from one end to the next.
        trial_s: mean worker seconds of a trial.
        busy_workers: their ratio, the mean number of workers at work.
    """

    interval_s: float
    trial_s: float
    busy_workers: float


def pace(ends: Sequence[float], seconds: Sequence[float]) -> Pace | None:
    """The pace of the last trials, without the times when the study did not run.

    Args:
        ends: when each trial ended, s.
        seconds: worker seconds of each.

    Returns:
        None before there are three, or if they say nothing of it.

    Example:
        >>> pace([0.0, 2.0, 4.0, 1000.0, 1002.0], [4.0] * 5)
        Pace(interval_s=2.0, trial_s=4.0, busy_workers=2.0)
    """
    last = list(ends[-_LAST - 1 :])
    if len(last) < 3:
        return None
    gaps = [max(0.0, after - before) for before, after in pairwise(last)]
    longest = max(_PAUSE_S, _PAUSE_FACTOR * statistics.median(gaps))
    interval_s = statistics.fmean(gap for gap in gaps if gap <= longest)
    trial_s = statistics.fmean(seconds[-len(gaps) :])
    return Pace(interval_s, trial_s, trial_s / interval_s) if interval_s > 0 else None
