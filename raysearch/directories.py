"""The directory that a study or a scan writes to: new, free, and one process at a time."""

from __future__ import annotations

import errno
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from raysearch.errors import InputError
from raysearch.locks import SHARED, lock_file, taken
from raysearch.storage import written

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
    """A new directory in ``studies/`` for a command that was given none; not made yet.

    Two that are asked for in the same second differ.
    """
    return Path("studies") / f"{kind}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


def check_directory(directory: Path) -> None:
    """Raise InputError if the path is a file, or lies below one."""
    there = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if not there.is_dir():
        raise InputError(f"--out must be a directory, but {there} is a file.")


def check_links(directory: Path) -> None:
    """Refuse a directory of which a part lies elsewhere.

    A directory may come from somebody else: what is written to, emptied or removed in it must not
    be any file of this user, to which a link would lead.

    Args:
        directory: of a study, a scan or a test; it may be a link itself, or not exist yet.

    Raises:
        InputError: if there is a link in it.
    """
    for folder in (directory, directory / "detector"):
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.is_symlink():
                raise InputError(
                    f"{path} must be a file or folder of this directory's own, but it is a link to "
                    f"{path.readlink()}; put what it leads to in its place, or remove it."
                )


@contextmanager
def locked(directory: Path, what: str = "study") -> Iterator[None]:
    """Hold the directory's lock; the system releases it however this process ends.

    Args:
        directory: made if it is missing.
        what: lies in it, for the message.

    Raises:
        InputError: if it cannot be made, holds a link, another process holds the lock, or it cannot
            be written to any more.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out must be a directory that can be made, but: {error}.") from error
    check_links(directory)
    with _lock_file(directory) as file:
        if not taken(file):
            raise InputError(
                f"a {what} runs in one place at a time, but {directory} is running already."
            )
        with written(directory, what):
            yield


def is_running(directory: Path) -> bool:
    """Whether another process, here or on another machine, holds the directory's lock.

    Raises:
        InputError: see `locked`.
    """
    with _lock_file(directory) as file:
        return not taken(file, SHARED)


def _lock_file(directory: Path) -> IO[str]:
    """The open lock file; a link in a directory of somebody else's would lead to any file."""
    path = directory / LOCK
    try:
        return lock_file(path)
    except OSError as error:
        reason = "but it is a link" if error.errno == errno.ELOOP else f"but: {error}"
        raise InputError(f"{path} must be a file of this directory's own, {reason}.") from error
