"""The progress of a study in the text format of Prometheus, next to what Ray itself exports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_STATES = ("COMPLETE", "PRUNED", "FAIL")


class _Progress(Collector):
    def __init__(self, study: str, figures: Mapping[str, Any]) -> None:
        self._study, self._figures = study, figures

    def collect(self) -> Iterable[Metric]:
        """Every metric of the study."""
        counts = self._figures["counts"]
        ended = CounterMetricFamily(
            "raysearch_trials_ended", "Trials that have ended.", labels=["study", "state"]
        )
        for state in _STATES:
            ended.add_metric([self._study, state.lower()], counts[state])
        yield ended
        seconds = CounterMetricFamily(
            "raysearch_trial_seconds", "Worker seconds of these trials.", labels=["study"]
        )
        seconds.add_metric([self._study], self._figures["seconds"] or 0.0)
        yield seconds
        for name, told, value in self._gauges(counts):
            if value is not None:
                gauge = GaugeMetricFamily(f"raysearch_{name}", told, labels=["study"])
                gauge.add_metric([self._study], value)
                yield gauge

    def _gauges(self, counts: Mapping[str, int]) -> Iterator[tuple[str, str, float | None]]:
        figures = self._figures
        pace = figures["pace"] or {}
        best = (figures["best"] or {}).get("objective")
        yield "trials_asked", "Trials asked for.", counts["asked"]
        yield "trials_running", "Trials given to workers.", counts["RUNNING"]
        yield "best_objective", "Objective of the best complete trial.", best
        yield "busy_workers", "Mean number of workers at work.", pace.get("busy_workers")
        yield "study_active", "1 while the study is prepared or runs.", float(figures["goes_on"])
        yield "search_end_timestamp_seconds", "When the search should end.", figures["ends_at"]


def exposition(study: str, figures: Mapping[str, Any]) -> bytes:
    """All metrics as text.

    Args:
        study: the value of the label `study`.
        figures: of a `raysearch.live.state.Snapshot`.
    """
    registry = CollectorRegistry()
    registry.register(_Progress(study, figures))
    return generate_latest(registry)
