"""A study's SQLite file, opened to be read only."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from raysearch.live.feed import Unreadable
from raysearch.live.plain import text
from raysearch.live.sql import SqlFeed

# A commit takes milliseconds; who waits longer comes again half a second later.
_PATIENCE_S = 0.5
# A file that somebody crafted may hold a query without end in the place of a table.
_DEADLINE_S = 2.0
_STEPS = 10_000


def sqlite_feed(path: Path, study: str) -> SqlFeed:
    """The trials in a file, which may not exist.

    Args:
        path: of the file.
        study: its name there.
    """
    return SqlFeed(path.name, study, partial(_reading, path))


class _File:
    """One read transaction of a file."""

    def __init__(self, path: Path) -> None:
        where = f"file:{quote(str(path.absolute()))}?mode=ro"
        self._file = sqlite3.connect(where, uri=True, timeout=_PATIENCE_S, isolation_level=None)
        self.close = self._file.close
        ends = time.monotonic() + _DEADLINE_S
        self._file.set_progress_handler(lambda: time.monotonic() > ends, _STEPS)

    def begin(self) -> None:
        self._file.execute("PRAGMA trusted_schema = OFF")
        self._file.execute("BEGIN")

    def rows(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._file.execute(statement, values).fetchall()


@contextmanager
def _reading(path: Path) -> Iterator[_File | None]:
    """The file in one read transaction, of one moment of the study."""
    if not path.is_file():
        yield None
        return
    try:
        file = _File(path)
        try:
            file.begin()
            yield file
        finally:
            file.close()
    except sqlite3.Error as error:
        raise Unreadable(_reason(error)) from error
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise Unreadable(f"it holds no trials of a study ({type(error).__name__})") from error


def _reason(error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "the study is writing to it"
    if name.startswith("SQLITE_READONLY"):
        return "its last write was cut off; `raysearch resume` mends it"
    if name == "SQLITE_INTERRUPT":
        return "reading it takes too long"
    return f"it holds no trials of a study ({text(error)})"
