"""Locks that the system releases however their holder ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO, Any

from raysearch.errors import InputError

EXCLUSIVE, SHARED = fcntl.LOCK_EX, fcntl.LOCK_SH


def lock_file(path: Path) -> IO[str]:
    """The open file, made if it is missing; what it holds stays, and a link is not followed.

    Raises:
        OSError: if it cannot be opened, or is a link (ELOOP).
    """
    return open(path, "r+", opener=_of_its_own)


def taken(file: IO[Any], kind: int = EXCLUSIVE, *, wait: bool = False) -> bool:
    """Take the lock of an open file if nobody holds it; whether that succeeded.

    Args:
        file: holds the lock until it is closed, here and in every process that inherited it.
        kind: EXCLUSIVE, or SHARED with others that take it so.
        wait: until nobody holds it.

    Raises:
        InputError: if the file lies on a file system without locks.
    """
    try:
        fcntl.flock(file, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise InputError(
            f"{file.name} must lie on a file system with locks (flock), but: {error}; mount it "
            "with them, or choose a directory elsewhere."
        ) from error
    return True


def free(file: IO[Any]) -> None:
    """Give back the lock of an open file."""
    fcntl.flock(file, fcntl.LOCK_UN)


def _of_its_own(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)
