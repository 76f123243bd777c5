"""Where a study stands: whether it is prepared, runs, is over, or was left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from raysearch.live.plain import text
from raysearch.study import STUDY

_MOST_BYTES = 10_000_000
# Another machine may hold a study on shared storage: who writes now and then runs.
_ALIVE_S = 90.0


class Phase(NamedTuple):
    """Where a study stands.

    Attributes:
        name: "preparing", "running", "retraining", "finished", "ended early" or "stopped".
        sentence: the same for a reader.
    """

    name: str
    sentence: str

    @property
    def goes_on(self) -> bool:
        """Whether more may come."""
        return self.name in ("preparing", "running", "retraining")


def read_about(directory: Path) -> Mapping[str, Any] | None:
    """study.json; None if it cannot be read now."""
    path = directory / STUDY
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return None
        found = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def phase(
    about: Mapping[str, Any], place: Path | str, *, held: bool, left: int, silent_s: float
) -> Phase:
    """Where the study stands.

    Args:
        about: study.json.
        place: of the study, for the remedy.
        held: whether a process is known to hold the study.
        left: trials that have not ended.
        silent_s: seconds since the study last wrote of a trial.
    """
    if held or (silent_s < _ALIVE_S and "ended_early" not in about):
        return _of_living(left, silent_s)
    again = f"`raysearch resume {place}` goes on with it."
    if "ended_early" not in about:
        return Phase("stopped", f"No process is seen that runs it; {again}")
    if about["ended_early"] is None:
        return Phase("finished", "All trials have ended, and the choices are made.")
    return Phase("ended early", f"It ended early: {text(about['ended_early'])}; {again}")


def _of_living(left: int, silent_s: float) -> Phase:
    if silent_s == float("inf"):
        return Phase("preparing", "Events are read and workers started; no trial was given yet.")
    if left <= 0:
        return Phase("retraining", "All trials have ended; the chosen setups are retrained.")
    return Phase("running", "Trials are running.")
