"""Run a study that is prepared: search, choose, retrain, write everything down."""

from __future__ import annotations

import time
from pathlib import Path

from raysearch.directories import is_running
from raysearch.files import write_json
from raysearch.joint import replay
from raysearch.malformed import as_written
from raysearch.objectives import objective
from raysearch.prepare import PreparedStudy
from raysearch.progress import Halt, Progress, Say, never
from raysearch.records import INTERRUPTED, Record, trials_table, write_trials
from raysearch.retraining import retrain, to_retrain, worker_seconds, write_choice
from raysearch.settings import Resources, Settings
from raysearch.spaces import families
from raysearch.study import (
    STUDY,
    TRIALS,
    Study,
)
from raysearch.tuning.book import OnRecord
from raysearch.tuning.cluster import Shared, share
from raysearch.tuning.gauges import Gauges
from raysearch.tuning.history import History
from raysearch.tuning.refits import Ended
from raysearch.tuning.run import run_search
from raysearch.tuning.task import Task

_WRITE_EVERY_S = 2.0
# The table is written whole; of many thousand trials that takes longer, so it is done less often.
_WRITE_SHARE = 0.05


def execute(
    study: Study,
    settings: Settings,
    prepared: PreparedStudy,
    resources: Resources,
    say: Say,
    halt: Halt = never,
) -> Study:
    """Run what is left of the study and write its files; needs a connection to Ray.

    Args:
        study: whose directory holds study.json already.
        settings: of the study.
        prepared: its samples.
        resources: of a trial, and the time budget.
        say: where progress goes, line by line.
        halt: asked between two steps whether to end early, as Ctrl-C does.
    """
    started = time.monotonic()
    samples = share(prepared.samples)
    history = History(study.directory, settings, place=study.place)
    _check_recorded(study, history, settings)
    record = _with_table(study, history, _teller(study, history, settings, say))
    reason = _search(history, samples, settings, resources, record, say, halt)
    records = history.records()
    write_trials(study.directory / TRIALS, records)
    ended: dict[str, Ended] = {}
    if reason != INTERRUPTED:
        try:
            samples.renew()
            ended = retrain(records, settings, samples, resources, say, halt)
        except KeyboardInterrupt:
            reason = INTERRUPTED
    write_choice(study, settings, prepared, records, ended)
    _write_ending(study, reason, time.monotonic() - started, worker_seconds(ended))
    say(f"report: {study.report()}")
    if reason is not None:
        say(
            f"ended early, {reason}: {len(records)} of {settings.trials} trials are finished; "
            f"`raysearch resume {study.directory}` goes on."
        )
    return study


def take_part(
    study: Study,
    settings: Settings,
    prepared: PreparedStudy,
    resources: Resources,
    say: Say,
) -> Study:
    """Run trials of a study that another driver runs, until none is left; that one does the rest.

    Args:
        study: that is running.
        settings: of the study.
        prepared: its samples.
        resources: of a trial, and the time budget, of this driver.
        say: where progress goes, line by line.

    Raises:
        KeyboardInterrupt: if Ctrl-C ended it; its finished trials are kept.
    """
    samples = share(prepared.samples)
    history = History(study.directory, settings, place=study.place)
    tell = _teller(study, history, settings, say)
    reason = _search(history, samples, settings, resources, tell, say)
    say(_parting(study.directory, reason))
    if reason == INTERRUPTED:
        # There is no report so far that would be this driver's to give back.
        raise KeyboardInterrupt
    return study


def _parting(directory: Path, reason: str | None) -> str:
    """What a driver that took part says at its end."""
    if reason is not None:
        return f"this driver ends early, {reason}; what it left is for the others"
    if is_running(directory):
        return f"all trials have ended; the driver that began {directory} makes the report"
    return f"all trials have ended; `raysearch resume {directory}` makes the report"


def _check_recorded(study: Study, history: History, settings: Settings) -> None:
    """What an earlier run recorded has to make sense when this one ends."""
    with as_written(study.directory):
        records = history.records()
        trials_table(records)
        for parameters, record in records.values():
            if record.state == "COMPLETE":
                replay(settings, parameters)
        to_retrain(records, settings)


def _search(
    history: History,
    samples: Shared,
    settings: Settings,
    resources: Resources,
    record: OnRecord,
    say: Say,
    halt: Halt = never,
) -> str | None:
    """Run what is left and let go of the rest; why it ended early, or None."""
    task = Task(samples, settings.repeats, settings.seed, families=families(settings.space))
    try:
        return run_search(history, task, settings, resources, record, say, halt)
    finally:
        history.close()


def _teller(study: Study, history: History, settings: Settings, say: Say) -> OnRecord:
    """Say and export how each trial ended."""
    done = len(history.records())
    progress = Progress(objective(settings.objective), done, settings.trials, say)
    gauges = Gauges(study.directory.absolute().name, history, settings)

    def tell(index: int, ended: Record) -> None:
        progress(index, ended)
        gauges(ended)

    return tell


def _with_table(study: Study, history: History, tell: OnRecord) -> OnRecord:
    """Also keep trials.parquet a few seconds behind."""
    due = time.monotonic() + _WRITE_EVERY_S

    def record(index: int, ended: Record) -> None:
        nonlocal due
        tell(index, ended)
        started = time.monotonic()
        if started > due:
            write_trials(study.directory / TRIALS, history.records())
            now = time.monotonic()
            due = now + max(_WRITE_EVERY_S, (now - started) / _WRITE_SHARE)

    return record


def _write_ending(study: Study, reason: str | None, seconds: float, refit_seconds: float) -> None:
    about = study.about
    with as_written(study.directory):
        spent = about.get("wall_seconds", 0.0) + seconds
    about |= {"wall_seconds": round(spent, 1), "refit_seconds": round(refit_seconds, 1)}
    about["ended_early"] = reason
    write_json(study.directory / STUDY, about)
