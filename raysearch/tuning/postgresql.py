"""A history in a PostgreSQL database; needs psycopg, the extra ``raysearch[postgresql]``."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from raysearch.errors import InputError
from raysearch.tuning.place import holds_password

_PATIENCE_S = 60


class PostgreSQL:
    """A connection; see `raysearch.tuning.session.Session`."""

    def __init__(self, url: str) -> None:
        """Connect.

        Args:
            url: ``postgresql://user@host/database``; libpq finds the password.

        Raises:
            InputError: if nobody answers there, or refuses, or it is no URL of a database.
        """
        _check(url)
        self._url = url
        with _told(url):
            # Transactions begin and end where we say.
            self._connection = psycopg.connect(url, autocommit=True)
            # A driver that stands still amid a transaction keeps the others waiting no longer.
            self._connection.execute(f"SET idle_in_transaction_session_timeout = '{_PATIENCE_S}s'")
        self.close = weakref.finalize(self, self._connection.close)

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """See `Session`."""
        with _told(self._url):
            cursor = self._connection.execute(_marked(statement), values)
            return iter(cursor.fetchall() if cursor.description else ())

    def execute_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """See `Session`."""
        with _told(self._url), self._connection.cursor() as cursor:
            cursor.executemany(_marked(statement), rows)

    def begin(self, study: int) -> None:
        """See `Session`."""
        self.execute("BEGIN")
        self.execute("SELECT study_id FROM studies WHERE study_id = ? FOR UPDATE", (study,))

    def commit(self) -> None:
        """See `Session`."""
        self.execute("COMMIT")


def _check(url: str) -> None:
    """Refuse a password that only libpq finds, since it takes URLs apart by rules of its own."""
    try:
        found = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise InputError(f"--history must be a URL that PostgreSQL takes, but: {error}.") from error
    if any("password" in name for name in found):
        raise holds_password()


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Say in a sentence that the database failed.

    Raises:
        InputError: if it did.
    """
    try:
        yield
    except psycopg.OperationalError as error:
        raise InputError(
            f"the history's database {url} must answer, but: {str(error).strip()}. What was "
            "finished before is kept; look to the database, its password in ~/.pgpass or "
            "PGPASSWORD, and go on by `raysearch resume`."
        ) from error


def _marked(statement: str) -> bytes:
    """With psycopg's mark for values; none of our statements holds either mark otherwise."""
    return statement.replace("?", "%s").encode()
