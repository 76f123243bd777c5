"""What a database has to be able to do to hold a history; the SQL is the same for all."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

_PATIENCE_S = 60.0


class Session(Protocol):
    """A connection whose statements take ``?`` for values."""

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Run a statement; the rows that it gives."""

    def execute_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each of the rows."""

    def begin(self, study: int) -> None:
        """Begin a transaction, during which no other driver has one about this study."""

    def commit(self) -> None:
        """End the transaction; what was written is durable."""

    def close(self) -> None:
        """Close the connection."""


class SQLite:
    """A file of SQLite. Its one writer at a time keeps out whoever writes about any study."""

    def __init__(self, path: Path) -> None:
        """Open a file that exists."""
        # Transactions begin and end where we say.
        self._connection = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)
        self.close = weakref.finalize(self, self._connection.close)
        # Emptying the journal instead of deleting it spares a write of the folder in each commit.
        self._connection.execute("PRAGMA journal_mode = TRUNCATE")

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """See `Session`."""
        return self._connection.execute(statement, values)

    def execute_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """See `Session`."""
        self._connection.executemany(statement, rows)

    def begin(self, study: int) -> None:
        """See `Session`."""
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """See `Session`."""
        self._connection.execute("COMMIT")
