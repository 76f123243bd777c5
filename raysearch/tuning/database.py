"""Whole trials in Optuna's SQLite file, many in one transaction.

Optuna creates the file, and its tools open it. Its own writing commits each parameter and each
attribute by itself and asks the database about each of them: 14 commits and 75 CPU ms a trial of
seven parameters, where one transaction of plain inserts takes 1 ms; its reading builds several
objects for each value, 1 ms a trial.
"""

from __future__ import annotations

import json
import sqlite3
import weakref
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    distribution_to_json,
    json_to_distribution,
)
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from raysearch.objectives import Objective

_STUDY = "raysearch"
_PATIENCE_S = 60.0

# By row of the trial and by name.
_Parts = defaultdict[int, dict[Any, Any]]


def direction_of(objective: Objective) -> StudyDirection:
    """Optuna's word for what is better."""
    return StudyDirection.MAXIMIZE if objective.direction == "max" else StudyDirection.MINIMIZE


class Database:
    """Trials of one study on disk; what was written is durable from the next `commit`."""

    def __init__(self, path: Path, objective: Objective) -> None:
        """Open the file or let Optuna create it.

        Args:
            path: of the SQLite file.
            objective: decides the direction of a new study.
        """
        storage = RDBStorage(f"sqlite:///{path}")
        direction = direction_of(objective)
        optuna.create_study(
            storage=storage, study_name=_STUDY, direction=direction, load_if_exists=True
        )
        storage.engine.dispose()
        self._connection = sqlite3.connect(path, timeout=_PATIENCE_S)
        weakref.finalize(self, self._connection.close)
        # Emptying the journal instead of deleting it spares a write of the folder in each commit.
        self._connection.execute("PRAGMA journal_mode = TRUNCATE")
        ((self._study,),) = self._connection.execute("SELECT study_id FROM studies")
        self._rows = dict(self._connection.execute("SELECT number, trial_id FROM trials"))

    def trials(self) -> dict[int, FrozenTrial]:
        """All trials by number, without their times."""
        known = _Distributions()
        params: _Parts = defaultdict(dict)
        kinds: _Parts = defaultdict(dict)
        columns = "trial_id, param_name, param_value, distribution_json"
        for row, name, value, text in self._select(columns, "trial_params ORDER BY param_id"):
            kinds[row][name] = known[text]
            params[row][name] = known[text].to_external_repr(value)
        attributes = self._parts("trial_user_attributes", "key", "value_json")
        values = self._parts("trial_values", "objective", "value")
        reported = self._parts("trial_intermediate_values", "step", "intermediate_value")
        return {
            number: create_trial(
                state=TrialState[state],
                value=values[row].get(0),
                params=params[row],
                distributions=kinds[row],
                user_attrs={key: json.loads(text) for key, text in attributes[row].items()},
                intermediate_values=reported[row],
            )
            for number, row, state in self._select("number, trial_id, state", "trials")
        }

    def begin(self, trial: FrozenTrial) -> None:
        """A trial that runs, with its parameters; one that is known already stays as it is."""
        if trial.number in self._rows:
            return
        row = {"number": trial.number, "study_id": self._study, "state": "RUNNING"}
        self._rows[trial.number] = self._insert("trials", {**row, "datetime_start": _now()})
        for name, value in trial.params.items():
            distribution = trial.distributions[name]
            self._add(
                "trial_params",
                trial.number,
                param_name=name,
                param_value=distribution.to_internal_repr(value),
                distribution_json=distribution_to_json(distribution),
            )

    def end(self, trial: FrozenTrial, attributes: Mapping[str, str]) -> None:
        """How a trial ended: its state, value, last reported value, and further attributes."""
        self.begin(trial)
        self._connection.execute(
            "UPDATE trials SET state = ?, datetime_complete = ? WHERE trial_id = ?",
            (trial.state.name, _now(), self._rows[trial.number]),
        )
        for key, text in attributes.items():
            self._add("trial_user_attributes", trial.number, key=key, value_json=json.dumps(text))
        if trial.value is not None:
            told = {"objective": 0, "value": trial.value, "value_type": "FINITE"}
            self._add("trial_values", trial.number, **told)
        for step, value in trial.intermediate_values.items():
            reported = {"intermediate_value": value, "intermediate_value_type": "FINITE"}
            self._add("trial_intermediate_values", trial.number, step=step, **reported)

    def commit(self) -> None:
        """Make all that was written durable, in one transaction."""
        self._connection.commit()

    def _parts(self, table: str, key: str, value: str) -> _Parts:
        found: _Parts = defaultdict(dict)
        for row, name, part in self._select(f"trial_id, {key}, {value}", table):
            found[row][name] = part
        return found

    def _select(self, columns: str, table: str) -> Iterator[tuple[Any, ...]]:
        return self._connection.execute(f"SELECT {columns} FROM {table}")

    def _add(self, table: str, number: int, **values: Any) -> None:
        self._insert(table, {"trial_id": self._rows[number], **values})

    def _insert(self, table: str, values: Mapping[str, Any]) -> int:
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"
        return int(self._connection.execute(statement, tuple(values.values())).lastrowid or 0)


class _Distributions(dict[str, BaseDistribution]):
    """Distributions by their JSON: few of them belong to all trials."""

    def __missing__(self, text: str) -> BaseDistribution:
        found = self[text] = json_to_distribution(text)
        return found


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
