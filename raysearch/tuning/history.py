"""The study's memory: every trial in Optuna's SQLite storage, from the moment it is suggested.

Nothing else is needed to go on after a SIGKILL: a trial that was recorded is finished, one that
was only suggested is given again with the same index and the same parameters.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from raysearch.objectives import objective
from raysearch.records import Record
from raysearch.settings import Settings
from raysearch.tuning.samplers import IndexSeededSampler

DATABASE = "optuna.db"
_STATES = {"COMPLETE": TrialState.COMPLETE, "PRUNED": TrialState.PRUNED, "FAIL": TrialState.FAIL}


class History:
    """Suggested and finished trials of one study, in `directory`/optuna.db."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        """Open or create the storage and put interrupted trials back in the queue."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._objective = objective(settings.objective)
        self._trials = settings.trials
        self.sampler = IndexSeededSampler(settings.sampler, settings.seed)
        self.study = optuna.create_study(
            storage=RDBStorage(f"sqlite:///{directory / DATABASE}"),
            study_name="raysearch",
            sampler=self.sampler,
            direction="maximize" if self._objective.direction == "max" else "minimize",
            load_if_exists=True,
        )
        self._waiting: list[int] = []
        self.recover()

    @property
    def left(self) -> int:
        """Trials that are still to be given."""
        return len(self._waiting)

    def ask(self) -> tuple[int, Trial]:
        """The next trial with its index; interrupted ones come again first."""
        index = self._waiting.pop(0)
        self.sampler.start_trial(index)
        trial = self.study.ask()
        trial.set_user_attr("index", index)
        return index, trial

    def finish(self, trial: Trial, record: Record) -> None:
        """Store how a trial ended; from here on it is never run again."""
        trial.set_user_attr("record", json.dumps(record._asdict()))
        if record.state == "PRUNED":
            # Optuna ranks a pruned trial by its last reported value, below all complete ones.
            trial.report(self._value(record), record.epochs)
        self._tell(trial.number, record)

    def records(self) -> dict[int, tuple[dict[str, Any], Record]]:
        """Parameters and record of every finished trial, by index, in order."""
        found = {
            trial.user_attrs["index"]: (trial.params, _record(trial))
            for trial in self.study.get_trials(deepcopy=False)
            if "record" in trial.user_attrs
        }
        return dict(sorted(found.items()))

    def _value(self, record: Record) -> float:
        return float(np.mean(record.metrics[self._objective.name]))

    def _tell(self, number: int, record: Record) -> None:
        value = self._value(record) if record.state == "COMPLETE" else None
        self.study.tell(number, value, state=_STATES[record.state])

    def recover(self) -> None:
        """Queue again what a killed driver or worker left open; nothing may be running."""
        for trial in self.study.get_trials(states=(TrialState.RUNNING,)):
            if "record" in trial.user_attrs:
                self._tell(trial.number, _record(trial))
                continue
            self.study.tell(trial.number, state=TrialState.FAIL)
            if "index" in trial.user_attrs:
                self.study.enqueue_trial(trial.params, {"index": trial.user_attrs["index"]})
        done = set(self.records())
        # Optuna gives queued trials first, in the order of their numbers.
        waiting = self.study.get_trials(states=(TrialState.WAITING,))
        again = [trial.user_attrs["index"] for trial in waiting]
        self._waiting = again + [i for i in range(self._trials) if i not in done.union(again)]


def _record(trial: FrozenTrial) -> Record:
    return Record(**json.loads(trial.user_attrs["record"]))
