"""The directory that a study or a scan writes to: new, free, and one process at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from raysearch.errors import InputError

# What storage says that has no room or is not there any more; other errors are not its fault.
_STORAGE = {
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.ENOSPC,
    errno.EROFS,
    errno.ESTALE,
}
# SQLite's own words for these; the low byte is the kind of error, the rest its occasion.
_STORAGE_OF_SQLITE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY}


def differing(held: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """Names of the settings that a directory holds with other values than those asked for.

    Example:
        >>> differing({"seed": 1, "trials": 3}, {"seed": 2, "trials": 3})
        ['seed']
    """
    return sorted(name for name in asked if held.get(name) != asked[name])


def new_directory(kind: str) -> Path:
    """A new directory in ``studies/`` for a command that was given none; not made yet."""
    return Path("studies") / time.strftime(f"{kind}-%Y%m%d-%H%M%S")


def check_directory(directory: Path) -> None:
    """Raise InputError if the path is a file, or lies below one."""
    there = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if not there.is_dir():
        raise InputError(f"--out must be a directory, but {there} is a file.")


@contextmanager
def locked(directory: Path, what: str = "study") -> Iterator[None]:
    """Hold the directory's lock; the system releases it however this process ends.

    Args:
        directory: made if it is missing.
        what: lies in it, for the message.

    Raises:
        InputError: if it cannot be made, another process holds the lock, or it cannot be written
            to any more.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out must be a directory that can be made, but: {error}.") from error
    with _lock_file(directory) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(
                f"a {what} runs in one place at a time, but {directory} is running already."
            ) from error
        with _written(directory, what):
            yield


@contextmanager
def _written(directory: Path, what: str) -> Iterator[None]:
    """Say in a sentence that storage failed, and that what is finished is safe."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        if not _is_of_storage(error):
            raise
        raise InputError(
            f"{directory} must be on storage that can be written to, but: {error}. What was "
            f"finished before is kept; make room and go on with the {what} by "
            f"`raysearch resume {directory}`."
        ) from error


def _is_of_storage(error: OSError | sqlite3.OperationalError) -> bool:
    if isinstance(error, OSError):
        return error.errno in _STORAGE
    return error.sqlite_errorcode & 0xFF in _STORAGE_OF_SQLITE


def _lock_file(directory: Path) -> IO[str]:
    """The open lock file; what it holds stays as it is, and a link is not followed.

    A directory may come from somebody else: a link in it could lead to any file of this user.
    """
    path = directory / ".lock"
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+")
    except OSError as error:
        reason = "but it is a link" if error.errno == errno.ELOOP else f"but: {error}"
        raise InputError(f"{path} must be a file of this directory's own, {reason}.") from error
