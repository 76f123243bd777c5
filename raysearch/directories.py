"""The directory that a study or a scan writes to: new, free, and one process at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from raysearch.errors import InputError

# Whoever runs a study or scan holds this file's lock.
LOCK = ".lock"


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
        InputError: if it cannot be made, or another process holds the lock.
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
        yield


def _lock_file(directory: Path) -> IO[str]:
    """The open lock file; what it holds stays as it is, and a link is not followed.

    A directory may come from somebody else: a link in it could lead to any file of this user.
    """
    path = directory / LOCK
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+")
    except OSError as error:
        reason = "but it is a link" if error.errno == errno.ELOOP else f"but: {error}"
        raise InputError(f"{path} must be a file of this directory's own, {reason}.") from error
