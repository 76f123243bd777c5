"""The trials of a study that other processes run, read from Optuna's tables as they come.

A database is read for some milliseconds at a time, whatever the number of viewers, and nothing here
can write. What was read before is not read again, so that the cost follows the news and not the
study.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from raysearch.live.feed import (
    LISTED,
    MOST_PARAMETERS,
    Ended,
    News,
    Parameters,
    Running,
    parameters,
    record,
    seconds,
)
from raysearch.tuning.store import RECORD_KEY

MOST_NEWS = 20_000
_MOST_BYTES = 1_000_000
_MOST_OF_FIRST = 1_000

# The sign keeps SQLite from going through all trials of the study instead of the new rows.
_OF = "+t.study_id = (SELECT study_id FROM studies WHERE study_name = ?)"
_ATTRIBUTES = "trial_user_attributes AS a JOIN trials AS t ON t.trial_id = a.trial_id"
_ENDED = f"""
SELECT a.trial_user_attribute_id, t.number, t.datetime_complete,
    substr(a.value_json, 1, {_MOST_BYTES})
FROM {_ATTRIBUTES}
WHERE a.trial_user_attribute_id > ? AND a.key = '{RECORD_KEY}' AND {_OF}
ORDER BY a.trial_user_attribute_id LIMIT {MOST_NEWS}
"""
# Who took the first trial, and when: no two studies have that in common, and a copy has it too.
_FIRST = f"""
SELECT a.trial_user_attribute_id, a.key, substr(a.value_json, 1, {_MOST_OF_FIRST})
FROM {_ATTRIBUTES} WHERE {_OF} ORDER BY a.trial_user_attribute_id LIMIT 1
"""
_LAST = "SELECT max(trial_user_attribute_id) FROM trial_user_attributes"
_RUNNING = f"""
SELECT t.number, t.datetime_start FROM trials AS t WHERE t.state = 'RUNNING' AND {_OF}
ORDER BY t.trial_id LIMIT {MOST_NEWS}
"""
_PARAMETERS = f"""
SELECT p.param_name, p.param_value, substr(p.distribution_json, 1, {_MOST_BYTES})
FROM trial_params AS p JOIN trials AS t ON t.trial_id = p.trial_id
WHERE t.number = ? AND {_OF} ORDER BY p.param_id LIMIT {MOST_PARAMETERS}
"""


class Rows(Protocol):
    """A database at one moment."""

    def rows(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Rows that a statement gives; it takes ``?`` for values."""


Reading = Callable[[], AbstractContextManager[Rows | None]]


class SqlFeed:
    """Reads Optuna's tables; see `raysearch.live.feed.Feed`."""

    def __init__(self, name: str, study: str, reading: Reading) -> None:
        """Read nothing yet.

        Args:
            name: of the database, for a user.
            study: its name there.
            reading: opens the database to read it at one moment; None while there is none.
        """
        self.name, self._study, self._reading = name, study, reading
        self._first: list[tuple[Any, ...]] | None = None
        self._last = 0

    def news(self) -> News | None:
        """See `Feed`."""
        with self._reading() as database:
            if database is None:
                return None
            starts_anew = self._is_another(database)
            if starts_anew:
                self._last = 0
            rows = database.rows(_ENDED, (self._last, self._study))
            open_ = database.rows(_RUNNING, (self._study,))
            running = [
                Running(int(number), seconds(since), self._parameters(database, number))
                for number, since in open_[:LISTED]
            ]
            ended = [Ended(int(n), seconds(at), _record(told)) for _, n, at, told in rows]
        self._last = rows[-1][0] if rows else self._last
        return News(starts_anew, ended, running, len(open_))

    def parameters(self, number: int) -> Parameters:
        """See `Feed`."""
        with self._reading() as database:
            return () if database is None else self._parameters(database, number)

    def _is_another(self, database: Rows) -> bool:
        """Whether it is not the one of which the last news were."""
        first = database.rows(_FIRST, (self._study,))
        ((last,),) = database.rows(_LAST, ())
        is_other = first != self._first or (last or 0) < self._last
        self._first = first
        return is_other

    def _parameters(self, database: Rows, number: int) -> Parameters:
        return parameters(database.rows(_PARAMETERS, (number, self._study)))


def _record(told: Any) -> Any:
    """The record, which `History` stored as text of which the database holds the JSON."""
    try:
        return record(json.loads(told))
    except (TypeError, ValueError, RecursionError):
        return {}
