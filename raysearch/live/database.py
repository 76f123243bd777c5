"""The trials of a study that another process runs, read from its SQLite file as they come.

The file is opened read-only for some milliseconds at a time, whatever the number of viewers: a
commit of the study waits no longer than that, and nothing here can write. What was read before is
not read again, so that the cost follows the news and not the study.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from raysearch.live.plain import text

# A commit takes milliseconds; who waits longer comes again half a second later.
_PATIENCE_S = 0.5
# A file that somebody crafted may hold a query without end in the place of a table.
_DEADLINE_S = 2.0
_STEPS = 10_000
MOST_NEWS = 20_000
_MOST_BYTES = 1_000_000
# Running trials that are listed, and parameters of each.
_LISTED = 24
_MOST_PARAMETERS = 64

_ENDED = f"""
SELECT a.trial_user_attribute_id, t.number, t.datetime_complete,
    substr(a.value_json, 1, {_MOST_BYTES})
FROM trial_user_attributes AS a JOIN trials AS t ON t.trial_id = a.trial_id
WHERE a.trial_user_attribute_id > ? AND a.key = 'record'
ORDER BY a.trial_user_attribute_id LIMIT {MOST_NEWS}
"""
_LAST = "SELECT max(trial_user_attribute_id) FROM trial_user_attributes"
_RUNNING = "SELECT trial_id, number, datetime_start FROM trials WHERE state = 'RUNNING' ORDER BY 1"
_PARAMETERS = f"""
SELECT p.param_name, p.param_value, substr(p.distribution_json, 1, {_MOST_BYTES})
FROM trial_params AS p JOIN trials AS t ON t.trial_id = p.trial_id
WHERE t.number = ? ORDER BY p.param_id LIMIT {_MOST_PARAMETERS}
"""

Parameters = Sequence[tuple[str, str]]


class Unreadable(Exception):
    """The file cannot be read now; the message says why, for a user."""


class Ended(NamedTuple):
    """A trial that has ended.

    Attributes:
        number: its index.
        at: when, in seconds since 1970; None if the file does not say.
        record: fields of a `raysearch.records.Record`, unchecked.
    """

    number: int
    at: float | None
    record: Mapping[str, Any]


class Running(NamedTuple):
    """A trial that was given to a worker.

    Attributes:
        number: its index.
        since: when, in seconds since 1970; None if the file does not say.
        parameters: name and value as text.
    """

    number: int
    since: float | None
    parameters: Parameters


class News(NamedTuple):
    """What the file holds that it did not hold before.

    Attributes:
        starts_anew: whether it is another file, so that all earlier news are void.
        ended: trials, in the order in which they ended.
        running: the first of those that run now.
        n_running: how many do.
    """

    starts_anew: bool
    ended: list[Ended]
    running: list[Running]
    n_running: int


class Feed:
    """Reads a study's database again and again, each time what is new."""

    def __init__(self, path: Path) -> None:
        """Read nothing yet; the file may not exist."""
        self._path = path
        self._identity: tuple[int, int] | None = None
        self._last = 0

    def news(self) -> News | None:
        """What is new; None while there is no file.

        Raises:
            Unreadable: if it is no database of a study, or the study has it for itself just now.
        """
        if not self._path.is_file():
            return None
        with self._reading() as database:
            starts_anew = self._is_another(database)
            if starts_anew:
                self._last = 0
            rows = database.execute(_ENDED, (self._last,)).fetchall()
            open_ = database.execute(_RUNNING).fetchmany(MOST_NEWS)
            running = [
                Running(int(number), _seconds(since), _parameters(database, number))
                for _, number, since in open_[:_LISTED]
            ]
            ended = [Ended(int(n), _seconds(at), _record(told)) for _, n, at, told in rows]
        self._last = rows[-1][0] if rows else self._last
        return News(starts_anew, ended, running, len(open_))

    def parameters(self, number: int) -> Parameters:
        """Parameters of a trial as text.

        Raises:
            Unreadable: as `news`.
        """
        with self._reading() as database:
            return _parameters(database, number)

    def _is_another(self, database: sqlite3.Connection) -> bool:
        """Whether the file is not the one of which the last news were."""
        found = self._path.stat()
        identity = found.st_dev, found.st_ino
        ((last,),) = database.execute(_LAST)
        is_other = identity != self._identity or (last or 0) < self._last
        self._identity = identity
        return is_other

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """The database in one read transaction, of one moment of the study."""
        try:
            database = _opened(self._path)
            try:
                yield database
            finally:
                database.close()
        except sqlite3.Error as error:
            raise Unreadable(_reason(error)) from error
        except (ValueError, TypeError, OverflowError, OSError) as error:
            raise Unreadable(f"it holds no trials of a study ({type(error).__name__})") from error


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode=ro",
        uri=True,
        timeout=_PATIENCE_S,
        isolation_level=None,
    )
    ends = time.monotonic() + _DEADLINE_S
    database.set_progress_handler(lambda: time.monotonic() > ends, _STEPS)
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("BEGIN")
    return database


def _reason(error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "the study is writing to it"
    if name.startswith("SQLITE_READONLY"):
        return "its last write was cut off; `raysearch resume` mends it"
    if name == "SQLITE_INTERRUPT":
        return "reading it takes too long"
    return f"it holds no trials of a study ({text(error)})"


def _seconds(when: Any) -> float | None:
    """Optuna's UTC time as seconds since 1970."""
    try:
        return datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def _record(told: Any) -> Mapping[str, Any]:
    """The record that `History` stored as text in JSON; empty if it is none."""
    try:
        found = json.loads(json.loads(told))
    except (TypeError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _parameters(database: sqlite3.Connection, number: int) -> Parameters:
    rows = database.execute(_PARAMETERS, (number,))
    return [(text(name), text(_value(value, told))) for name, value, told in rows]


def _value(value: Any, told: Any) -> Any:
    """A stored number as the value that it stands for: a choice, a whole number, or itself."""
    try:
        distribution = json.loads(told)
        name, choices = distribution["name"], distribution["attributes"].get("choices")
        if name == "CategoricalDistribution":
            return choices[int(value)]
        return int(value) if name == "IntDistribution" else f"{value:.4g}"
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, RecursionError):
        return value
