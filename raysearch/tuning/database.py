"""Whole trials in Optuna's tables, many in one transaction; see `raysearch.tuning.store.Store`.

Optuna creates the tables, and its tools open them. Its own writing commits each parameter and each
attribute by itself and asks the database about each of them: 14 commits and 75 CPU ms a trial of
seven parameters, where one transaction of plain inserts takes 1 ms.

Whoever takes a trial adds an attribute to it, and whoever ends it another. Their table only grows,
and in one transaction at a time, so that the news are the rows behind the last one seen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from optuna.distributions import distribution_to_json
from optuna.trial import FrozenTrial

from raysearch.schemas import check_schema
from raysearch.tuning.ledger import Ledger
from raysearch.tuning.session import Session
from raysearch.tuning.sql_trials import read_trials
from raysearch.tuning.store import (
    DRIVER_PREFIX,
    RECORD_KEY,
    SCHEMA,
    SCHEMA_KEY,
    Claim,
    now,
)

_ATTRIBUTES = "trial_user_attributes"
# The sign keeps SQLite from going through all trials of the study instead of the new rows.
_NEWS = f"""
SELECT a.trial_user_attribute_id, t.trial_id, t.number, a.key
FROM {_ATTRIBUTES} AS a JOIN trials AS t ON t.trial_id = a.trial_id
WHERE a.trial_user_attribute_id > ? AND +t.study_id = ? ORDER BY a.trial_user_attribute_id
"""


class Database:
    """Trials of one study in a database."""

    def __init__(self, session: Session, study: str, where: str, ledger: Ledger) -> None:
        """Begin with a study that Optuna has created.

        Args:
            session: of the database.
            study: its name there.
            where: the database is, for messages.
            ledger: empty, of this driver.
        """
        self.ledger, self._session = ledger, session
        statement = "SELECT study_id FROM studies WHERE study_name = ?"
        ((self._study,),) = session.execute(statement, (study,))
        self._rows: dict[int, int] = {}
        self._begun: set[int] = set()
        self._unread: list[int] = []
        self._last = 0
        self._to_end: list[tuple[FrozenTrial, str]] = []
        self._is_open = False
        self._check_schema(where)

    def trials(self) -> dict[int, FrozenTrial]:
        """See `Store`."""
        self._open()
        self.refresh()
        found = read_trials(self._session, "study_id", self._study)
        self._unread = []
        self._begun |= {number for number, trial in found.items() if trial.params}
        self.commit()
        return found

    def refresh(self) -> None:
        """See `Store`."""
        news = self._session.execute(_NEWS, (self._last, self._study))
        for self._last, row, number, key in list(news):
            self._rows[number] = row
            if key.startswith(DRIVER_PREFIX):
                self.ledger.take(number, key.removeprefix(DRIVER_PREFIX))
            elif key == RECORD_KEY and not self.ledger.has_ended(number):
                self.ledger.end(number)
                self._unread.append(number)
        self.ledger.look()

    def ended(self) -> dict[int, FrozenTrial]:
        """See `Store`."""
        found: dict[int, FrozenTrial] = {}
        for number in self._unread:
            found |= read_trials(self._session, "trial_id", self._rows[number])
        self._unread = []
        return found

    def claim(self) -> Claim | None:
        """See `Store`; other drivers wait until the next `commit`."""
        self._open()
        self.refresh()
        index = self.ledger.free()
        if index is None:
            self.commit()
            return None
        params = self._params(index) if index in self._rows else {}
        if index not in self._rows:
            self._rows[index] = self._new_row(index)
        key = f"{DRIVER_PREFIX}{self.ledger.me}"
        self._add(_ATTRIBUTES, index, {"key": key, "value_json": f'"{now()}"'})
        self.ledger.take(index, self.ledger.me)
        return Claim(index, params)

    def begin(self, trial: FrozenTrial) -> None:
        """See `Store`."""
        if trial.number in self._begun or not trial.params:
            return
        self._open()
        self._begun.add(trial.number)
        rows = [
            {
                "param_name": name,
                "param_value": trial.distributions[name].to_internal_repr(value),
                "distribution_json": distribution_to_json(trial.distributions[name]),
            }
            for name, value in trial.params.items()
        ]
        self._add("trial_params", trial.number, *rows)

    def end(self, trial: FrozenTrial, record: str) -> None:
        """See `Store`."""
        self.ledger.end(trial.number)
        # Kept back, so that no other driver has to wait for the next `commit`.
        self._to_end.append((trial, record))

    def commit(self) -> None:
        """See `Store`."""
        if self._to_end:
            self._open()
        for trial, record in self._to_end:
            self._end(trial, record)
        self._to_end = []
        if self._is_open:
            self._session.commit()
            self._is_open = False

    def close(self) -> None:
        """See `Store`."""
        self._session.close()

    def _end(self, trial: FrozenTrial, record: str) -> None:
        statement = """UPDATE trials SET state = ?, datetime_complete = ?
            WHERE trial_id = ? AND state = 'RUNNING' RETURNING trial_id"""
        told = trial.state.name, str(now()), self._rows[trial.number]
        if not list(self._session.execute(statement, told)):
            return
        self.begin(trial)
        if trial.value is not None:
            value = {"objective": 0, "value": trial.value, "value_type": "FINITE"}
            self._add("trial_values", trial.number, value)
        for step, reached in trial.intermediate_values.items():
            value = {"intermediate_value": reached, "intermediate_value_type": "FINITE"}
            self._add("trial_intermediate_values", trial.number, {"step": step, **value})
        attribute = {"key": RECORD_KEY, "value_json": json.dumps(record)}
        self._add(_ATTRIBUTES, trial.number, attribute)

    def _open(self) -> None:
        if not self._is_open:
            self._session.begin(self._study)
            self._is_open = True

    def _new_row(self, index: int) -> int:
        statement = """INSERT INTO trials (number, study_id, state, datetime_start)
            VALUES (?, ?, 'RUNNING', ?) RETURNING trial_id"""
        ((row,),) = self._session.execute(statement, (index, self._study, str(now())))
        return int(row)

    def _params(self, index: int) -> Mapping[str, Any]:
        """Parameters that an earlier driver gave a trial."""
        trial = read_trials(self._session, "trial_id", self._rows[index])[index]
        if trial.params:
            self._begun.add(index)
        return trial.params

    def _add(self, table: str, number: int, *rows: Mapping[str, Any]) -> None:
        names = ["trial_id", *rows[0]]
        marks = ", ".join("?" * len(names))
        statement = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"
        of = self._rows[number]
        self._session.execute_many(statement, [(of, *row.values()) for row in rows])

    def _check_schema(self, where: str) -> None:
        self._open()
        of = "study_id = ? AND key = ?"
        statement = f"SELECT value_json FROM study_user_attributes WHERE {of}"
        found = list(self._session.execute(statement, (self._study, SCHEMA_KEY)))
        trials = "SELECT trial_id FROM trials WHERE study_id = ? LIMIT 1"
        if not found and not list(self._session.execute(trials, (self._study,))):
            statement = "INSERT INTO study_user_attributes (study_id, key, value_json)"
            row = self._study, SCHEMA_KEY, str(SCHEMA)
            self._session.execute(f"{statement} VALUES (?, ?, ?)", row)
            found = [(str(SCHEMA),)]
        self.commit()
        check_schema(where, json.loads(found[0][0]) if found else None, SCHEMA)
