"""The study's memory: every trial in Optuna's storage, from the moment it is suggested.

Nothing else is needed to go on after a SIGKILL: a trial that was recorded is finished, one that
was only suggested is given again with the same index and the same parameters. While the study runs
samplers see a copy of it in memory, where a trial's number is its index. Several drivers may have
such a copy each: who is to run a trial the storage decides.
"""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from raysearch.detectors import detector
from raysearch.malformed import as_written
from raysearch.objectives import objective
from raysearch.racing import Race
from raysearch.records import Record, record_from_json
from raysearch.settings import Settings
from raysearch.tuning.drivers import Drivers
from raysearch.tuning.ledger import ledger_of
from raysearch.tuning.place import IN_SQLITE, Place
from raysearch.tuning.samplers import IndexSeededSampler
from raysearch.tuning.steps import given_of, steps_of
from raysearch.tuning.store import RECORD_KEY, Claim, direction_of
from raysearch.tuning.stores import open_store
from raysearch.tuning.window import WINDOW, Window

_STATES = {"COMPLETE": TrialState.COMPLETE, "PRUNED": TrialState.PRUNED, "FAIL": TrialState.FAIL}


class History:
    """Suggested and finished trials of one study, of which this process is a driver."""

    def __init__(
        self,
        directory: Path,
        settings: Settings,
        window: int | None = WINDOW,
        place: Place = IN_SQLITE,
    ) -> None:
        """Open or create the storage.

        Args:
            directory: of the study.
            settings: of the study.
            window: how many finished trials TPE sees at most; None for all.
            place: of the storage.

        Raises:
            InputError: if it cannot be opened, or was written with another schema.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._settings, self._window, self._directory = settings, window, directory
        self._objective, self._steps = objective(settings.objective), steps_of(settings)
        self._drivers = Drivers(directory)
        self._ledger = ledger_of(settings.trials, self._drivers)
        self._heard: list[tuple[int, Record]] = []
        with as_written(directory):
            with self._drivers.alone():
                self._store = open_store(
                    directory, place, direction_of(self._objective), settings.trials, self._ledger
                )
            self._read()

    @property
    def left(self) -> int:
        """Trials that are still to be given, as far as this driver knows."""
        return len(self._kept) + self._ledger.left

    @property
    def kept(self) -> int:
        """Trials that this driver took and has to give again."""
        return len(self._kept)

    @property
    def is_over(self) -> bool:
        """Whether every trial has ended, here or elsewhere."""
        return self._ledger.is_over

    @property
    def must_wait(self) -> bool:
        """Whether the next trial depends on some that have not ended."""
        coming = self._kept[0].number if self._kept else self._ledger.free()
        return coming is not None and self._depends(coming)

    def ask(self) -> tuple[int, Trial] | None:
        """The next trial with its index; None if other drivers took what was left.

        Interrupted ones come again first.
        """
        with as_written(self._directory):
            claim = self._kept.popleft() if self._kept else self._store.claim()
        self._learn()
        if claim is None:
            return None
        if self._depends(claim.number):
            # Another driver took the one that was to come before.
            self._kept.appendleft(claim)
            return None
        self._storage.offer(*claim)
        trial = self.study.ask()
        return trial.number, trial

    def look(self) -> None:
        """Learn what other drivers did."""
        self._store.refresh()
        self._learn()

    def heard(self) -> list[tuple[int, Record]]:
        """Ends of other drivers' trials that were learned since this was last asked."""
        heard, self._heard = self._heard, []
        return heard

    def begin(self, trial: Trial) -> None:
        """Store the parameters that a trial was given; durable from the next `commit`."""
        self._store.begin(self._frozen(trial.number))

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
        self._store.end(frozen, json.dumps(record._asdict()))
        self._records[trial.number] = frozen.params, record

    def commit(self) -> None:
        """Make all that was stored durable; one write however many trials it is about."""
        self._store.commit()

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
        """Read everything anew; what this driver left open is given again. Nothing may be running.

        So are trials whose driver is dead, by whichever driver is the first to ask for them.
        """
        self.commit()
        known = self._records
        self._read()
        self._heard += [(k, of) for k, (_, of) in self._records.items() if k not in known]

    def _read(self) -> None:
        stored = self._store.trials()
        self._records: dict[int, tuple[dict[str, Any], Record]] = {}
        # Not a method of this object, which would then outlive its last user.
        given = given_of(self._steps, self._records)
        self._sampler = IndexSeededSampler(self._settings.sampler, self._settings.seed, given)
        direction = direction_of(self._objective)
        self._storage = Window(direction, self._window)
        self.study = optuna.create_study(
            storage=self._storage, sampler=self._sampler, direction=direction
        )
        for index in range(self._settings.trials):
            found = stored.get(index)
            if found is None or not found.state.is_finished():
                self.study.enqueue_trial({})
                continue
            self.study.add_trial(found)
            self._note(index, found)
        self._kept = deque(Claim(index, stored[index].params) for index in self._ledger.mine)

    def close(self) -> None:
        """Be no driver any more: what is open is for others."""
        self._store.close()
        self._drivers.close()

    def _learn(self) -> None:
        """Show the sampler what ended elsewhere."""
        for index, trial in self._store.ended().items():
            self._storage.enter(index, trial)
            self._heard.append((index, self._note(index, trial)))

    def _note(self, index: int, trial: FrozenTrial) -> Record:
        """Keep a finished trial that was read."""
        record = record_from_json(json.loads(trial.user_attrs[RECORD_KEY]))
        self._records[index] = trial.params, record
        if trial.state != TrialState.FAIL:
            self._sampler.learn(trial)
        return record

    def _depends(self, number: int) -> bool:
        """Whether a trial depends on some that have not ended."""
        return self._steps is not None and self._steps.must_wait(number, self._records)

    def _frozen(self, number: int) -> FrozenTrial:
        return self._storage.get_trial(number)

    def _permille(self, record: Record) -> int:
        """How much of a whole trial was trained."""
        repeats = len(record.metrics[self._objective.name]) / self._settings.repeats
        return round(1000 * repeats * record.epochs / detector(record.detector).search_epochs)

    def _value(self, record: Record) -> float:
        return float(np.mean(record.metrics[self._objective.name]))
