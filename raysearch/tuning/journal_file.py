"""A file that only grows, by whole lines, to which several processes write."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from raysearch.locks import EXCLUSIVE, SHARED, free, lock_file, taken


class JournalFile:
    """Reads from where it last stopped, and appends behind all that was read."""

    def __init__(self, path: Path) -> None:
        """Open the file, made if it is missing.

        Raises:
            InputError: if it lies on a file system without locks.
        """
        self._file = lock_file(path)
        self.close = weakref.finalize(self, self._file.close)
        self._read = 0

    @contextmanager
    def held(self, *, to_write: bool) -> Iterator[None]:
        """Hold the lock; on a network file system it also brings what others wrote.

        Args:
            to_write: with nobody else; else with others that read.
        """
        taken(self._file, EXCLUSIVE if to_write else SHARED, wait=True)
        try:
            yield
        finally:
            free(self._file)

    def news(self) -> list[bytes]:
        """Lines that were not read yet; one that is being written, or was cut off, is none."""
        number = self._file.fileno()
        found = os.pread(number, os.fstat(number).st_size - self._read, self._read)
        whole = found[: found.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.splitlines()

    def append(self, lines: Iterable[str], *, durable: bool) -> None:
        """Append lines; the lock must be held, and all news read.

        Args:
            lines: without their ends.
            durable: wait until they are on disk.
        """
        number = self._file.fileno()
        # What a writer left that was killed amid a line, or had no room for it.
        os.ftruncate(number, self._read)
        contents, at = "".join(f"{line}\n" for line in lines).encode(), self._read
        while contents:
            written = os.pwrite(number, contents, at)
            contents, at = contents[written:], at + written
        if durable:
            os.fsync(number)
