"""The processes that work on one study, each of which can tell whether another still lives.

A driver holds the lock of a file of its own for as long as it lives. The system releases it however
the driver ends, at once, and on a shared file system when its machine is gone; a driver that is
merely slow or suspended keeps it. No clocks are compared, and what a living driver was given is
never given to another.
"""

from __future__ import annotations

import os
import re
import secrets
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from raysearch.errors import InputError
from raysearch.locks import SHARED, lock_file, taken

FOLDER = ".drivers"
_OPENING = "opening"
_BYTES = 8
_NAME = re.compile(f"[0-9a-f]{{{2 * _BYTES}}}")


class Drivers:
    """The drivers of a study, of which this process is a new one until `close`."""

    def __init__(self, directory: Path) -> None:
        """Become a driver.

        Args:
            directory: of the study.

        Raises:
            InputError: if the directory lies on a file system without locks.
        """
        self._folder = directory / FOLDER
        self._folder.mkdir(exist_ok=True)
        self.me = secrets.token_hex(_BYTES)
        path = self._folder / self.me
        with self.alone():
            self._forget_dead()
            file = lock_file(path)
            if not taken(file):
                raise InputError(f"{path} must be new, but another process holds it; start anew.")
        self.close = weakref.finalize(self, _leave, file, path)

    def is_alive(self, driver: str) -> bool:
        """Whether the driver of this name still runs, here or on another machine."""
        if driver == self.me:
            return True
        # The name was read from the study's history, which may come from anybody.
        if not _NAME.fullmatch(driver):
            return False
        try:
            file = os.fdopen(os.open(self._folder / driver, os.O_RDONLY | os.O_NOFOLLOW))
        except OSError:
            return False
        with file:
            return not taken(file, SHARED)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While no other driver of the study is in such a block."""
        with lock_file(self._folder / _OPENING) as file:
            taken(file, wait=True)
            yield

    def _forget_dead(self) -> None:
        for path in self._folder.iterdir():
            if _NAME.fullmatch(path.name) and not self.is_alive(path.name):
                path.unlink(missing_ok=True)  # it may have left meanwhile


def _leave(file: IO[str], path: Path) -> None:
    path.unlink(missing_ok=True)
    file.close()
