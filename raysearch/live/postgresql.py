"""A study's trials in a PostgreSQL database, in transactions that can only read.

The URL stands in study.json, which may be somebody else's, and libpq would offer the password of
whoever looks to the server that it names. So a page connects to this machine alone or to a host
that its user names, proves that it knows the password without sending it (S. Josefsson, RFC 5802),
and takes no option of libpq by which a file of this machine would be read or written.
"""

from __future__ import annotations

import os
import socket
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from threading import Timer
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from raysearch.live.feed import Unreadable
from raysearch.live.plain import text
from raysearch.live.sql import SqlFeed

_OPTIONS = frozenset(
    {
        *("host", "hostaddr", "port", "dbname", "user", "application_name", "channel_binding"),
        *("sslmode", "target_session_attrs"),
    }
)
# Given beside the URL, so that it cannot say otherwise.
_GUARDS: Mapping[str, Any] = {
    "require_auth": "scram-sha-256,none",
    "gssencmode": "disable",
    "sslcertmode": "disable",
    "keepalives_idle": 5,
    "tcp_user_timeout": 3_000,
}
# By which who looks after the database knows the connections of pages.
NAME = "raysearch dashboard"
_PATIENCE_S = 3
_DEADLINE_MS = 2_000
# For one reading, whatever the server does or does not do, and how much it may send for that.
_DEADLINE_S = 10.0
_MOST_BYTES = 64 * 2**20
_ROW_BYTES = 64
# Each is waited for.
_MOST_HOSTS = 4


class _Server:
    """A connection that is made anew when it was lost."""

    def __init__(self, url: str, trusted: str | None = None) -> None:
        self._url, self._trusted = url, trusted
        self._connection: psycopg.Connection[Any] | None = None
        self._left_bytes = 0

    @contextmanager
    def reading(self) -> Iterator[_Server]:
        """The database in one read transaction."""
        try:
            if self._connection is None or self._connection.closed:
                self._connection = _connected(self._url, self._trusted)
                weakref.finalize(self, self._connection.close)
            self._left_bytes = _MOST_BYTES
            with _in_time(self._connection), self._connection.transaction():
                yield self
        except psycopg.OperationalError as error:
            self._lose()
            raise Unreadable(f"it does not answer ({text(error).strip()})") from error
        except (psycopg.Error, ValueError, TypeError, OverflowError) as error:
            raise Unreadable(f"it holds no trials of a study ({text(error).strip()})") from error

    def rows(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        if self._connection is None:
            return []
        marked, found = statement.replace("?", "%s").encode(), []
        with self._connection.cursor() as cursor:
            for row in cursor.stream(marked, values):
                self._spend(row)
                found.append(row)
        return found

    def _spend(self, row: tuple[Any, ...]) -> None:
        self._left_bytes -= _ROW_BYTES + sum(len(v) for v in row if isinstance(v, str | bytes))
        if self._left_bytes < 0:
            # Else what is left of the answer would be awaited.
            self._lose()
            raise Unreadable(f"it sends more than {_MOST_BYTES / 2**20:.0f} MiB at once")

    def _lose(self) -> None:
        with suppress(psycopg.Error):
            if self._connection is not None:
                self._connection.close()
        self._connection = None


def postgresql_feed(url: str, study: str, trusted: str | None = None) -> SqlFeed:
    """The trials in a database; nothing is connected yet.

    Args:
        url: ``postgresql://user@host/database``; libpq finds the password.
        study: its name there.
        trusted: host beyond this machine that may be connected to; None for no such host.
    """
    return SqlFeed(url, study, _Server(url, trusted).reading)


def _connected(url: str, trusted: str | None) -> psycopg.Connection[Any]:
    _check(url, trusted)
    connection = psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=_PATIENCE_S,
        fallback_application_name=NAME,
        **_GUARDS,
    )
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with _in_time(connection):
        connection.execute(f"SET statement_timeout = {_DEADLINE_MS}".encode())
    return connection


@contextmanager
def _in_time(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Cut the connection off if this lasts too long; who waits for the server then hears of it."""
    with socket.socket(fileno=os.dup(connection.fileno())) as own:
        timer = Timer(_DEADLINE_S, _cut, (own,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _cut(own: socket.socket) -> None:
    with suppress(OSError):
        own.shutdown(socket.SHUT_RDWR)


def _check(url: str, trusted: str | None) -> None:
    """Refuse what a page may not do, by what libpq itself finds in the URL."""
    found = conninfo_to_dict(url)
    if others := found.keys() - _OPTIONS:
        raise Unreadable(
            f"this page connects by no other options than {', '.join(sorted(_OPTIONS))}, but its "
            f"URL has {', '.join(sorted(others))}"
        )
    named = [name for key in ("host", "hostaddr") for name in str(found.get(key, "")).split(",")]
    if len(named) > 2 * _MOST_HOSTS:
        raise Unreadable(f"its URL names {len(named)} hosts, which is more than {_MOST_HOSTS}")
    strange = sorted({name for name in named if name != trusted and not _is_here(name)})
    if strange:
        raise Unreadable(
            f"this page offers your password to databases of this machine only, but study.json "
            f"names {text(', '.join(strange))}; if you trust that host, follow the study where it "
            f"runs by `raysearch dashboard --database-host {text(strange[0])}`, or open a tunnel "
            "to it"
        )


def _is_here(host: str) -> bool:
    """Whether it is this machine, by its own name of it; "" is where libpq looks by itself."""
    if host in ("", "localhost") or host.startswith(("/", "@")):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
