"""Snapshots of a study in an object store, each whole: a list of files, and their contents by hash.

Files lie in the folder of the writer that published them. The list is written when all of them are
there, so a reader finds every file as it was when the snapshot was made, or the one before.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from raysearch.files import sha256
from raysearch.remote.objects import Objects
from raysearch.remote.writers import Writer, writers
from raysearch.storage import writable
from raysearch.study_files import copy_file, is_database, is_study, regular_files

SCHEMA = 2
LISTS, FILES = "snapshots", "files"
# Beside a study, with its name: a folder of what is about to be sent.
SENT = ".sent"
# A reader that began with one snapshot finds its files while the next is published.
_KEPT = 2


class State(NamedTuple):
    """What tells that a file has changed."""

    size: int
    modified_ns: int
    number: int


class Contents(NamedTuple):
    """What a file of a snapshot holds.

    Attributes:
        sha256: names it in the store.
        size: in bytes.
    """

    sha256: str
    size: int


class Listed(NamedTuple):
    """A file of a snapshot.

    Attributes:
        state: of the file when it was published; None of a database, which is always looked at.
        contents: that were published.
    """

    state: State | None
    contents: Contents


@dataclass
class Publisher:
    """Publishes a directory again and again; sends only what has changed.

    Attributes:
        objects: of the store.
        writer: in whose folder.
        study: the directory.
        base: contents of the files that are published already, by earlier writers.
    """

    objects: Objects
    writer: Writer
    study: Path
    base: Mapping[str, Contents]
    _held: dict[Path, Listed] = field(default_factory=dict)
    _lists: list[tuple[int, dict[str, Contents]]] = field(default_factory=list)
    _number: int = 0

    def publish(self) -> bool:
        """Publish the study as it is now, if it has changed; whether it had.

        What is no study yet is not published.

        Raises:
            Unreachable: if the store does not take it.
            Unwritable: if this machine has no room for what is about to be sent.
        """
        # What fails of the store is told as such where it is asked.
        with writable(self.study.parent):
            return self._publish()

    def _publish(self) -> bool:
        prefix, parent = f"{SENT}.{self.study.name}.", self.study.parent
        with tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as name:
            folder = Path(name)
            self._held = dict(self._current(folder))
            listed = {path.as_posix(): file.contents for path, file in self._held.items()}
            if listed == (self._lists[-1][1] if self._lists else self.base):
                return False
            if not is_study(listed) or not self._send(folder, listed):
                return False
        self._number += 1
        told = {"schema": SCHEMA, "files": {name: of._asdict() for name, of in listed.items()}}
        self.objects.put(self._path(LISTS, _list_name(self._number)), json.dumps(told).encode())
        self._lists.append((self._number, listed))
        self._forget()
        return True

    @property
    def is_first(self) -> bool:
        """Whether what was published last was the first of all."""
        return self._number == 1

    def remove_earlier(self) -> None:
        """Remove what earlier writers published, now that there is something newer."""
        for other in writers(self.objects):
            if other.generation < self.writer.generation:
                self.objects.remove(other.folder)
                self.objects.remove(other.claim)

    def _current(self, folder: Path) -> Iterator[tuple[Path, Listed]]:
        """The files as they are now; what has changed is copied into the folder by its hash."""
        for path in regular_files(self.study, with_inputs=True):
            with suppress(FileNotFoundError):
                state = _state(self.study / path)
                held = self._held.get(path)
                if held is None or state is None or held.state != state:
                    held = Listed(state, _copied(self.study / path, folder))
                yield path, held

    def _send(self, folder: Path, listed: Mapping[str, Contents]) -> bool:
        """Send what the store has not got yet; False if a file has changed again meanwhile."""
        sent = set(self.objects.names(self._path(FILES)))
        for name, (digest, _) in listed.items():
            if digest in sent:
                continue
            if not (folder / digest).is_file():
                # It was looked at before, when there was no need to send it.
                with suppress(FileNotFoundError):
                    _copied(self.study / name, folder)
            if not (folder / digest).is_file():
                del self._held[Path(name)]
                return False
            self.objects.put_file(self._path(FILES, digest), folder / digest)
        return True

    def _forget(self) -> None:
        """Remove the lists of old snapshots, and the contents that none of the others has."""
        if len(self._lists) <= _KEPT:
            return
        number, gone = self._lists.pop(0)
        self.objects.remove(self._path(LISTS, _list_name(number)))
        kept = {each.sha256 for _, of in self._lists for each in of.values()}
        for each in {each.sha256 for each in gone.values()} - kept:
            self.objects.remove(self._path(FILES, each))

    def _path(self, *parts: str) -> str:
        return "/".join((self.writer.folder, *parts))


def _list_name(number: int) -> str:
    return f"{number:08d}.json"


def _copied(path: Path, folder: Path) -> Contents:
    """Copy a file into the folder, named by its SHA-256."""
    copy = folder / "copy"
    copy_file(path, copy)
    found = Contents(sha256(copy), copy.stat().st_size)
    copy.rename(folder / found.sha256)
    return found


def _state(path: Path) -> State | None:
    if is_database(path):
        # What is new may be in its journal only.
        return None
    found = path.stat()
    return State(found.st_size, found.st_mtime_ns, found.st_ino)
