"""Run a study that is prepared: search, choose, retrain, write everything down."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from raysearch.directories import is_running
from raysearch.files import replacing, write_json
from raysearch.joint import replay
from raysearch.malformed import as_written
from raysearch.mixture import Mixture
from raysearch.objectives import objective
from raysearch.prepare import PreparedStudy
from raysearch.progress import Halt, Progress, Say, never
from raysearch.recommend import (
    MEMBERS,
    Contender,
    Recommendation,
    as_scorer,
    best_trials,
    ranked_by,
    recommend,
)
from raysearch.recommend import NAME as RECOMMENDED
from raysearch.records import INTERRUPTED, Record, Records, trials_table, write_trials
from raysearch.refit import Final
from raysearch.samples import TwoSample, View
from raysearch.schemas import write_table
from raysearch.scorer import Scorer
from raysearch.scores import TABLE_SCHEMA, Scored, scores_table
from raysearch.selection import choices, winners
from raysearch.settings import Resources, Settings
from raysearch.study import (
    DETECTOR,
    SCORES,
    SELECTION,
    SELECTION_SCHEMA,
    STUDY,
    TRIALS,
    Study,
)
from raysearch.tuning.book import OnRecord
from raysearch.tuning.cluster import Shared, share
from raysearch.tuning.gauges import Gauges
from raysearch.tuning.history import History
from raysearch.tuning.refits import Ended, Winner, refit_all
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
            ended = _retrain(records, settings, samples, resources, say, halt)
        except KeyboardInterrupt:
            reason = INTERRUPTED
    _write_choice(study, settings, prepared, records, ended)
    _write_ending(study, reason, time.monotonic() - started, _seconds(ended))
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
        _winners(records, settings) | _contenders(records, settings)


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
    task = Task(samples, settings.repeats, settings.seed)
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


def _retrain(
    records: Records,
    settings: Settings,
    samples: Shared,
    resources: Resources,
    say: Say,
    halt: Halt,
) -> dict[str, Ended]:
    say("retraining the chosen setups on the full statistics")
    chosen = _winners(records, settings) | _contenders(records, settings)
    found = refit_all(chosen, samples, settings.seed, resources.gpus_per_trial, halt)
    for name, ended in found.items():
        if isinstance(ended.final, str):
            say(f"retraining the choice of {name} failed: {ended.final}")
        if isinstance(ended.verdict, str):
            say(f"asking the verdict rows about the choice of {name} failed: {ended.verdict}")
    return found


def _finals(ended: Mapping[str, Ended]) -> dict[str, Final]:
    """The ensembles that could be trained."""
    return {name: of.final for name, of in ended.items() if not isinstance(of.final, str)}


def _winners(records: Records, settings: Settings) -> dict[str, Winner]:
    return {
        name: Winner(index, replay(settings, records[index][0]), name)
        for name, index in winners(records).items()
    }


def _contenders(records: Records, settings: Settings) -> dict[str, Winner]:
    """The best trials of which the recommendation is the mean, by their place."""
    by = ranked_by(settings.objective)
    return {
        _place(place): Winner(index, replay(settings, records[index][0]), by.name, MEMBERS, True)
        for place, index in enumerate(best_trials(records, settings, by))
    }


def _place(place: int) -> str:
    return f"contender {place + 1}"


def _recommended(
    records: Records,
    settings: Settings,
    ended: Mapping[str, Ended],
    samples: Mapping[View, TwoSample],
) -> Recommendation | None:
    """The mean of those contenders that could be retrained; None if none could."""
    finals, places = _finals(ended), _contenders(records, settings)
    contenders = [
        Contender(winner.trial, winner.setup, finals[name])
        for name, winner in places.items()
        if name in finals
    ]
    if not contenders:
        return None
    # Also of those whose ensemble failed: it trained on the verdict rows, so that leaving them out
    # would be a choice by these.
    verdicts = [ended[name].verdict for name in places if name in ended]
    asked = [verdict for verdict in verdicts if isinstance(verdict, np.ndarray)]
    return recommend(contenders, asked, samples[contenders[0].setup.view], settings.seed)


def _write_choice(
    study: Study,
    settings: Settings,
    prepared: PreparedStudy,
    records: Records,
    ended: Mapping[str, Ended],
) -> None:
    finals = _finals(ended)
    setups = {name: winner.setup for name, winner in _winners(records, settings).items()}
    own = {name: final for name, final in finals.items() if name in setups}
    samples, variations = prepared.samples, prepared.variations
    recommended = _recommended(records, settings, ended, samples)
    chosen = choices(records, setups, own, recommended, samples, settings.seed)
    kept = {
        name: Kept(setups[name].view, final, as_scorer(setups[name], final, variations))
        for name, final in own.items()
    }
    if recommended is not None:
        view = recommended.contenders[0].setup.view
        mixture = recommended.mixture(samples[view].rows.is_data, variations)
        kept[RECOMMENDED] = Kept(view, recommended, mixture)
    if kept:
        _keep(study.directory, prepared, kept)
    selection = {"schema": SELECTION_SCHEMA, "objective": settings.objective, "choices": chosen}
    write_json(study.directory / SELECTION, selection)


class Kept(NamedTuple):
    """What stays of a choice.

    Attributes:
        view: of its sample; of a mean, one with the same rows as all of its parts have.
        scores: of rows and test events.
        detector: scores new events.
    """

    view: View
    scores: Final | Recommendation
    detector: Scorer | Mixture


def _keep(directory: Path, prepared: PreparedStudy, kept: Mapping[str, Kept]) -> None:
    scored = {n: Scored(each.view, each.scores.rows, each.scores.test) for n, each in kept.items()}
    table = scores_table(prepared.samples, scored, prepared.optimal)
    write_table(directory / SCORES, table, TABLE_SCHEMA)
    for name, each in kept.items():
        _save(directory / DETECTOR / name, each.detector)


def _save(directory: Path, scorer: Scorer | Mixture) -> None:
    with replacing(directory) as temporary:
        temporary.mkdir()
        scorer.save(temporary)
        shutil.rmtree(directory, ignore_errors=True)


def _seconds(ended: Mapping[str, Ended]) -> float:
    """Worker seconds of retraining; what two objectives share counts once."""
    return sum(of.seconds for of in {id(of): of for of in ended.values()}.values())


def _write_ending(study: Study, reason: str | None, seconds: float, refit_seconds: float) -> None:
    about = study.about
    with as_written(study.directory):
        spent = about.get("wall_seconds", 0.0) + seconds
    about |= {"wall_seconds": round(spent, 1), "refit_seconds": round(refit_seconds, 1)}
    about["ended_early"] = reason
    write_json(study.directory / STUDY, about)
