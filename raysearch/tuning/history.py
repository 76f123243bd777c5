"""The study's memory: every trial in Optuna's SQLite file, from the moment it is suggested.

Nothing else is needed to go on after a SIGKILL: a trial that was recorded is finished, one that
was only suggested is given again with the same index and the same parameters. While the study runs
samplers see a copy of it in memory, where a trial's number is its index.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from raysearch.detectors import detector
from raysearch.objectives import objective
from raysearch.racing import Race
from raysearch.records import Record, record_from_json
from raysearch.settings import Settings
from raysearch.tuning.database import Database, direction_of
from raysearch.tuning.samplers import IndexSeededSampler
from raysearch.tuning.steps import given_of, steps_of
from raysearch.tuning.window import WINDOW, Window

DATABASE = "optuna.db"
_STATES = {"COMPLETE": TrialState.COMPLETE, "PRUNED": TrialState.PRUNED, "FAIL": TrialState.FAIL}


class History:
    """Suggested and finished trials of one study, in `directory`/optuna.db."""

    def __init__(self, directory: Path, settings: Settings, window: int | None = WINDOW) -> None:
        """Open or create the storage and put interrupted trials back in the queue.

        Args:
            directory: of the study.
            settings: of the study.
            window: how many finished trials TPE sees at most; None for all.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._settings, self._window = settings, window
        self._objective, self._steps = objective(settings.objective), steps_of(settings)
        self._database = Database(directory / DATABASE, self._objective)
        self.recover()

    @property
    def left(self) -> int:
        """Trials that are still to be given."""
        return self._left

    @property
    def must_wait(self) -> bool:
        """Whether the next trial depends on some that have not ended."""
        if self._steps is None:
            return False
        waiting = self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        return self._steps.must_wait(waiting[0].number, self._records) if waiting else False

    def ask(self) -> tuple[int, Trial]:
        """The next trial with its index; interrupted ones come again first."""
        self._left -= 1
        trial = self.study.ask()
        return trial.number, trial

    def begin(self, trial: Trial) -> None:
        """Store the parameters that a trial was given; durable from the next `commit`."""
        self._database.begin(self._frozen(trial.number))

    def finish(self, trial: Trial, record: Record) -> None:
        """Store how a trial ended; from the next `commit` on it is never run again."""
        value = None
        if record.state == "PRUNED":
            # Optuna ranks pruned trials below all complete ones, by how far they came, then by
            # the value that they reached.
            trial.report(self._value(record), self._permille(record))
        elif record.state == "COMPLETE":
            value = self._value(record)
        self.study.tell(trial, value, state=_STATES[record.state])
        frozen = self._frozen(trial.number)
        self._database.end(frozen, {"record": json.dumps(record._asdict())})
        self._records[trial.number] = frozen.params, record

    def commit(self) -> None:
        """Make all that was stored durable; one write however many trials it is about."""
        self._database.commit()

    def records(self) -> dict[int, tuple[dict[str, Any], Record]]:
        """Parameters and record of every finished trial, by index, in order."""
        return dict(sorted(self._records.items()))

    def race(self) -> Race:
        """What finished trials reached where they were compared, of this run or an earlier one."""
        race = Race(self._objective.direction)
        for index, (_, record) in self._records.items():
            race.recall(index, record.reached)
        return race

    def recover(self) -> None:
        """Queue again what a killed driver or worker left open; nothing may be running."""
        self.commit()
        stored = self._database.trials()
        self._records: dict[int, tuple[dict[str, Any], Record]] = {}
        # Not a method of this object, which would then outlive its last user.
        given = given_of(self._steps, self._records)
        sampler = IndexSeededSampler(self._settings.sampler, self._settings.seed, given)
        direction = direction_of(self._objective)
        self._storage = Window(direction, self._window)
        self.study = optuna.create_study(
            storage=self._storage, sampler=sampler, direction=direction
        )
        for index in range(self._settings.trials):
            found = stored.get(index)
            if found is None or found.state == TrialState.RUNNING:
                self.study.enqueue_trial(found.params if found else {})
                continue
            self.study.add_trial(found)
            self._records[index] = found.params, _record(found)
            if found.state != TrialState.FAIL:
                sampler.learn(found)
        self._left = self._settings.trials - len(self._records)

    def _frozen(self, number: int) -> FrozenTrial:
        return self._storage.get_trial(number)

    def _permille(self, record: Record) -> int:
        """How much of a whole trial was trained."""
        repeats = len(record.metrics[self._objective.name]) / self._settings.repeats
        return round(1000 * repeats * record.epochs / detector(record.detector).search_epochs)

    def _value(self, record: Record) -> float:
        return float(np.mean(record.metrics[self._objective.name]))


def _record(trial: FrozenTrial) -> Record:
    stored = json.loads(trial.user_attrs["record"])
    return record_from_json(stored)
