"""The progress of a search among the metrics that Ray exports for Prometheus.

Ray's own metrics tell of processes and objects; these tell of the study, from its driver. Ray puts
`ray_` before their names and adds labels of its own.
"""

from __future__ import annotations

import numpy as np
from ray.util.metrics import Counter, Gauge

from raysearch.objectives import objective
from raysearch.records import Record
from raysearch.settings import Settings
from raysearch.tuning.history import History


class Gauges:
    """Told of each trial that ends; needs a connection to Ray."""

    def __init__(self, name: str, history: History, settings: Settings) -> None:
        """Export what is known already.

        Args:
            name: of the study.
            history: of the study.
            settings: of the study.
        """
        self._history, self._trials = history, settings.trials
        self._objective = objective(settings.objective)
        self._study = {"study": name}
        self._best = float("nan")
        self._ended = dict.fromkeys(("COMPLETE", "PRUNED", "FAIL"), 0)
        self._by_state = self._gauge("trials", "Trials by state.", "state")
        self._asked = self._gauge("trials_asked", "Trials asked for.")
        self._value = self._gauge("best_objective", "The best complete trial.", "objective")
        self._seconds = Counter(
            "raysearch_trial_seconds", "Worker seconds of trials that ended.", ("study",)
        )
        for _, record in history.records().values():
            self._note(record)
        self._export()

    def __call__(self, record: Record) -> None:
        """Export how a trial ended."""
        self._note(record)
        if record.seconds > 0:  # a counter takes no nothing
            self._seconds.inc(record.seconds, self._study)
        self._export()

    def _gauge(self, name: str, told: str, *labels: str) -> Gauge:
        return Gauge(f"raysearch_{name}", told, ("study", *labels))

    def _note(self, record: Record) -> None:
        self._ended[record.state] = self._ended.get(record.state, 0) + 1
        if record.state == "COMPLETE":
            better = np.fmax if self._objective.direction == "max" else np.fmin
            value = float(np.mean(record.metrics[self._objective.name]))
            self._best = float(better(self._best, value))

    def _export(self) -> None:
        running = self._trials - self._history.left - sum(self._ended.values())
        for state, count in {**self._ended, "RUNNING": max(0, running)}.items():
            self._by_state.set(count, {**self._study, "state": state.lower()})
        self._asked.set(self._trials, self._study)
        if not np.isnan(self._best):
            self._value.set(self._best, {**self._study, "objective": self._objective.name})
