"""What a page tells of the trials that have ended, kept up to date trial by trial."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from raysearch.live.feed import Ended
from raysearch.live.pace import Pace, pace
from raysearch.live.plain import mean_and_spread, number, text
from raysearch.objectives import MAX_SIC, OBJECTIVES, VAL_SIC, Objective
from raysearch.records import trial_id
from raysearch.report.trials import rank_correlation
from raysearch.settings import MOST_TRIALS

STATES = ("COMPLETE", "PRUNED", "FAIL")
METRICS = tuple(OBJECTIVES)
_FAIL = STATES.index("FAIL")
# Kinds of failures and detectors that are told apart, and trials that are named for each.
_MOST_KINDS = 30
_MOST_NAMED = 8
_OTHERS = "other"


class Best(NamedTuple):
    """The best complete trial so far.

    Attributes:
        number: its index.
        detector: what it trained.
        means: of each metric, in the order of `METRICS`.
        spread: of the objective, over the repeats.
    """

    number: int
    detector: str
    means: tuple[float | None, ...]
    spread: float | None


@dataclass
class Failure:
    """Trials that failed for one reason.

    Attributes:
        count: how many.
        trials: the last few.
    """

    count: int = 0
    trials: list[str] = field(default_factory=list)


class Correlation(NamedTuple):
    """Spearman's rank correlation of val_sic with max_sic.

    Attributes:
        rank: None where one of the two is constant.
        trials: how many have both.
    """

    rank: float | None
    trials: int


class Tally:
    """Counts, the best, the failures, and one line of JSON for each trial."""

    def __init__(self, objective: Objective) -> None:
        """Start without trials; the objective says which is the best."""
        self._objective = objective
        self._place = METRICS.index(objective.name)
        # Each is written once, however many viewers it is sent to.
        self.rows: list[bytes] = []
        self.detectors: list[str] = []
        self.counts = dict.fromkeys(STATES, 0)
        self.seconds = 0.0
        self.best: Best | None = None
        self.failures: dict[str, Failure] = {}
        self._ends: list[float] = []
        self._seconds: list[float] = []
        self._pairs: list[tuple[float, float]] = []
        self._correlation: Correlation | None = None

    def add(self, trials: Iterable[Ended]) -> None:
        """Note how trials ended."""
        for trial in trials:
            if len(self.rows) < MOST_TRIALS:
                self._add(trial)

    @property
    def last_end(self) -> float | None:
        """When the last trial ended, in seconds since 1970."""
        return self._ends[-1] if self._ends else None

    def pace(self) -> Pace | None:
        """The pace of the last trials."""
        return pace(self._ends, self._seconds)

    def correlation(self) -> Correlation | None:
        """How well val_sic tells max_sic over all complete trials; None without labels."""
        known = 0 if self._correlation is None else self._correlation.trials
        if len(self._pairs) > known:
            x, y = np.array(self._pairs).T
            self._correlation = Correlation(number(rank_correlation(x, y)), len(x))
        return self._correlation

    def _add(self, trial: Ended) -> None:
        record = trial.record
        state = STATES.index(record["state"]) if record.get("state") in STATES else _FAIL
        detector = text(record.get("detector", "unknown"), 40)
        seconds = number(record.get("seconds")) or 0.0
        metrics = record.get("metrics")
        found = metrics if isinstance(metrics, dict) else {}
        means, spreads = zip(*(mean_and_spread(found.get(name)) for name in METRICS), strict=True)
        ended = Best(trial.number, detector, means, spreads[self._place])
        self.counts[STATES[state]] += 1
        self._time(trial.at, seconds)
        if state == _FAIL:
            self._fail(trial.number, record.get("error") or "its record cannot be read")
        if STATES[state] == "COMPLETE":
            self._compare(ended)
        self._write(ended, state, trial.at, seconds)

    def _time(self, at: float | None, seconds: float) -> None:
        self.seconds += seconds
        if at is not None:
            self._ends.append(at)
            self._seconds.append(seconds)

    def _fail(self, index: int, error: object) -> None:
        reason = text(error)
        if reason not in self.failures and len(self.failures) >= _MOST_KINDS:
            reason = "further reasons"
        failure = self.failures.setdefault(reason, Failure())
        failure.count += 1
        failure.trials = [*failure.trials, trial_id(index)][-_MOST_NAMED:]

    def _compare(self, ended: Best) -> None:
        val_sic, max_sic = (ended.means[METRICS.index(o.name)] for o in (VAL_SIC, MAX_SIC))
        if val_sic is not None and max_sic is not None:
            self._pairs.append((val_sic, max_sic))
        value = ended.means[self._place]
        best = None if self.best is None else self.best.means[self._place]
        if value is None:
            return
        is_max = self._objective.direction == "max"
        if best is None or (value > best if is_max else value < best):
            self.best = ended

    def _write(self, ended: Best, state: int, at: float | None, seconds: float) -> None:
        kind = self._kind(ended.detector)
        when = None if at is None else round(at, 1)
        row = [ended.number, state, kind, when, seconds, ended.spread, *ended.means]
        self.rows.append(json.dumps(row, separators=(",", ":")).encode())

    def _kind(self, detector: str) -> int:
        """Place of the detector among those seen."""
        if detector not in self.detectors and len(self.detectors) >= _MOST_KINDS:
            detector = _OTHERS
        if detector not in self.detectors:
            self.detectors.append(detector)
        return self.detectors.index(detector)
