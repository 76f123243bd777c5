"""Racing under Ray Tune: its trials report the rungs they stand at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from raysearch.racing import Race, Rung
from raysearch.trial import TrialResult


def rung_report(result: TrialResult, objective: str) -> dict[str, Any]:
    """What a trial reports of the rung that it stands at, if it does; flat, as Tune wants it."""
    rung = result.rung
    if rung is None:
        return {}
    return {
        "rung_repeats": rung.repeats,
        "rung_epochs": rung.epochs,
        "rung_share": rung.share,
        "rung_value": rung.value(result.values[objective]),
    }


def _reported(result: Mapping[str, Any]) -> tuple[Rung, float] | None:
    if "rung_value" not in result:
        return None
    rung = Rung(result["rung_repeats"], result["rung_epochs"], result["rung_share"])
    return rung, result["rung_value"]


class RaceScheduler(FIFOScheduler):
    """Stops a trial at a rung where it is not among the best share of those that reached it."""

    def __init__(self, race: Race) -> None:
        """Go on with a race.

        Args:
            race: what is known of earlier trials.
        """
        super().__init__()
        self._race = race

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """STOP or CONTINUE; a trial that reports no rung goes on."""
        reported = _reported(result)
        if reported is None:
            return str(TrialScheduler.CONTINUE)
        rung, value = reported
        goes_on = self._race.rule().goes_on(rung, value)
        self._race.reached(trial.config["index"], rung, value)
        return str(TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP)
