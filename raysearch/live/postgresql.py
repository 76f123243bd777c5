"""A study's trials in a PostgreSQL database, in transactions that can only read.

The URL stands in study.json, which may be somebody else's. It holds no password, and may hold no
option of libpq by which a file of this machine would be read or written.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import psycopg

from raysearch.live.feed import Unreadable
from raysearch.live.plain import text
from raysearch.live.sql import SqlFeed

_OPTIONS = frozenset(
    {
        *("host", "hostaddr", "port", "dbname", "user", "application_name", "channel_binding"),
        *("sslmode", "require_auth", "target_session_attrs", "gssencmode"),
    }
)
# By which who looks after the database knows the connections of pages.
NAME = "raysearch dashboard"
_PATIENCE_S = 3
_DEADLINE_MS = 2_000


class _Server:
    """A connection that is made anew when it was lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[Any] | None = None

    @contextmanager
    def reading(self) -> Iterator[_Server]:
        """The database in one read transaction."""
        try:
            if self._connection is None or self._connection.closed:
                self._connection = _connected(self._url)
                weakref.finalize(self, self._connection.close)
            with self._connection.transaction():
                yield self
        except psycopg.OperationalError as error:
            self._lose()
            raise Unreadable(f"it does not answer ({text(error).strip()})") from error
        except (psycopg.Error, ValueError, TypeError, OverflowError) as error:
            raise Unreadable(f"it holds no trials of a study ({text(error).strip()})") from error

    def rows(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        if self._connection is None:
            return []
        found = self._connection.execute(statement.replace("?", "%s").encode(), values)
        return found.fetchall()

    def _lose(self) -> None:
        with suppress(psycopg.Error):
            if self._connection is not None:
                self._connection.close()
        self._connection = None


def postgresql_feed(url: str, study: str) -> SqlFeed:
    """The trials in a database; nothing is connected yet.

    Args:
        url: ``postgresql://user@host/database``; libpq finds the password.
        study: its name there.
    """
    return SqlFeed(url, study, _Server(url).reading)


def _connected(url: str) -> psycopg.Connection[Any]:
    named = {name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
    if others := named - _OPTIONS:
        raise ValueError(
            f"this page connects by no other options than {', '.join(sorted(_OPTIONS))}, but its "
            f"URL has {', '.join(sorted(others))}"
        )
    connection = psycopg.connect(
        url, autocommit=True, connect_timeout=_PATIENCE_S, fallback_application_name=NAME
    )
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.execute(f"SET statement_timeout = {_DEADLINE_MS}".encode())
    return connection
