"""Whole trials read from Optuna's tables, many with one query for each table.

Optuna's own reading builds several objects for each value, 1 ms a trial.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from raysearch.tuning.session import Session

# By row of the trial and by name.
_Parts = defaultdict[int, dict[Any, Any]]


def read_trials(session: Session, column: str, value: int) -> dict[int, FrozenTrial]:
    """Trials by number, without their times.

    Args:
        session: of the database.
        column: of the table of trials that chooses them, as "study_id".
        value: what the column has to hold.
    """
    reading = _Reading(session, column, value)
    known = _Distributions()
    params: _Parts = defaultdict(dict)
    kinds: _Parts = defaultdict(dict)
    columns = "trial_id, param_name, param_value, distribution_json"
    for row, name, number, text in reading.select(columns, "trial_params", "ORDER BY param_id"):
        kinds[row][name] = known[text]
        params[row][name] = known[text].to_external_repr(number)
    attributes = reading.parts("trial_user_attributes", "key", "value_json")
    values = reading.parts("trial_values", "objective", "value")
    reported = reading.parts("trial_intermediate_values", "step", "intermediate_value")
    return {
        number: create_trial(
            state=TrialState[state],
            value=values[row].get(0),
            params=params[row],
            distributions=kinds[row],
            user_attrs={key: json.loads(text) for key, text in attributes[row].items()},
            intermediate_values=reported[row],
        )
        for number, row, state in reading.select("number, trial_id, state", "trials")
    }


class _Reading:
    """Rows of some trials, from any table."""

    def __init__(self, session: Session, column: str, value: int) -> None:
        self._session, self._value = session, value
        self._which = f"trial_id IN (SELECT trial_id FROM trials WHERE {column} = ?)"

    def select(self, columns: str, table: str, order: str = "") -> Iterator[tuple[Any, ...]]:
        statement = f"SELECT {columns} FROM {table} WHERE {self._which} {order}"
        return self._session.execute(statement, (self._value,))

    def parts(self, table: str, key: str, value: str) -> _Parts:
        found: _Parts = defaultdict(dict)
        for row, name, part in self.select(f"trial_id, {key}, {value}", table):
            found[row][name] = part
        return found


class _Distributions(dict[str, BaseDistribution]):
    """Distributions by their JSON: few of them belong to all trials."""

    def __missing__(self, text: str) -> BaseDistribution:
        found = self[text] = json_to_distribution(text)
        return found
