"""What is said where storage fails while a study, scan or test is written."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raysearch.errors import InputError

# What the system says of storage that has no room, or is not there any more.
_OF_SYSTEM = {errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.EROFS, errno.ESTALE}
# SQLite's words for these; the low byte of its codes is the kind of error, the rest its occasion.
_OF_SQLITE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
}

# What goes on with what is not resumed by its directory alone.
_GOES_ON = {"test": "the command that began it"}


class Unwritable(InputError):
    """A disk of this machine has no room, or cannot be written to any more."""


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Say of a folder of this machine that its disk fails, where a store could be blamed for it.

    Raises:
        Unwritable: where it cannot be written to any more.
    """
    try:
        yield
    except OSError as error:
        if not is_of_storage(error) or _is_elsewhere(error, folder):
            raise
        raise Unwritable(
            f"{folder} must be on a disk of this machine that can be written to, but: {error}; "
            "make room there"
        ) from error


def _is_elsewhere(error: OSError, folder: Path) -> bool:
    """Whether the error names a file that does not lie in the folder, such as one that is read."""
    name = error.filename
    return isinstance(name, str) and not Path(name).absolute().is_relative_to(folder.absolute())


@contextmanager
def written(directory: Path, what: str) -> Iterator[None]:
    """Say in a sentence that storage failed, and that what is finished is safe.

    Args:
        directory: that is written to.
        what: lies in it.

    Raises:
        InputError: where it cannot be written to any more.
    """
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        if not is_of_storage(error):
            raise
        raise InputError(
            f"{directory} must be on storage that can be written to, but: {error}. What was "
            f"finished before is kept; make room and go on with the {what} by "
            f"{_GOES_ON.get(what, f'`raysearch resume {directory}`')}."
        ) from error


def is_of_storage(error: BaseException) -> bool:
    """Whether an error says that storage fails, and nothing of what lies on it."""
    if isinstance(error, OSError):
        return error.errno in _OF_SYSTEM
    if isinstance(error, sqlite3.OperationalError):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _OF_SQLITE
    return False
