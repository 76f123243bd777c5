"""Retrain what a search chose, and write the choice down."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from raysearch.files import replacing, write_json
from raysearch.joint import replay
from raysearch.mixture import Mixture
from raysearch.prepare import PreparedStudy
from raysearch.progress import Halt, Say
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
from raysearch.records import Records
from raysearch.refit import Final
from raysearch.samples import TwoSample, View
from raysearch.schemas import write_table
from raysearch.scorer import Scorer
from raysearch.scores import TABLE_SCHEMA, Scored, scores_table
from raysearch.selection import choices, winners
from raysearch.settings import Resources, Settings
from raysearch.study import DETECTOR, SCORES, SELECTION, SELECTION_SCHEMA, Study
from raysearch.tuning.cluster import Shared
from raysearch.tuning.refits import Ended, Winner, refit_all


def retrain(
    records: Records,
    settings: Settings,
    samples: Shared,
    resources: Resources,
    say: Say,
    halt: Halt,
) -> dict[str, Ended]:
    """Retrain on all rows what was chosen; what fails is said and costs no other.

    Args:
        records: of all trials.
        settings: of the study.
        samples: put into the object store.
        resources: of the study.
        say: receives progress, line by line.
        halt: asked all the time whether to end early.
    """
    say("retraining the chosen setups on the full statistics")
    found = refit_all(
        to_retrain(records, settings), samples, settings.seed, resources.gpus_per_trial, halt
    )
    for name, ended in found.items():
        if isinstance(ended.final, str):
            say(f"retraining the choice of {name} failed: {ended.final}")
        if isinstance(ended.verdict, str):
            say(f"asking the verdict rows about the choice of {name} failed: {ended.verdict}")
    return found


def _finals(ended: Mapping[str, Ended]) -> dict[str, Final]:
    """The ensembles that could be trained."""
    return {name: of.final for name, of in ended.items() if not isinstance(of.final, str)}


def to_retrain(records: Records, settings: Settings) -> dict[str, Winner]:
    """What is retrained, by what it was chosen for: an objective, or a place in the mean."""
    return _winners(records, settings) | _contenders(records, settings)


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


def write_choice(
    study: Study,
    settings: Settings,
    prepared: PreparedStudy,
    records: Records,
    ended: Mapping[str, Ended],
) -> None:
    """Write scores.parquet and the detectors and, when they are complete, selection.json."""
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


def worker_seconds(ended: Mapping[str, Ended]) -> float:
    """Worker seconds of retraining; what two objectives share counts once."""
    return sum(of.seconds for of in {id(of): of for of in ended.values()}.values())
