"""Snapshots of a study in an object store, each whole: a list of files, and their contents by hash.

Files lie in the folder of the writer that published them. The list is written when all of them are
there, so a reader finds the study as it was at one moment, or as it was a moment before.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from raysearch.errors import InputError
from raysearch.files import sha256
from raysearch.remote.objects import Objects
from raysearch.remote.writers import Writer, writers
from raysearch.schemas import check_schema
from raysearch.study_files import check_inside, copy_file, is_database, regular_files

SCHEMA = 1
_LISTS, _FILES = "snapshots", "files"
# A reader that began with one snapshot finds its files while the next is published.
_KEPT = 2
_SHA256 = re.compile("[0-9a-f]{64}")


class State(NamedTuple):
    """What tells that a file has changed."""

    size: int
    modified_ns: int
    number: int


class Listed(NamedTuple):
    """A file of a snapshot.

    Attributes:
        state: of the file when it was published; None of a database, which is always looked at.
        sha256: of its contents.
    """

    state: State | None
    sha256: str


@dataclass
class Publisher:
    """Publishes a directory again and again; sends only what has changed.

    Attributes:
        objects: of the store.
        writer: in whose folder.
        study: the directory.
    """

    objects: Objects
    writer: Writer
    study: Path
    _held: dict[Path, Listed] = field(default_factory=dict)
    _lists: list[dict[str, str]] = field(default_factory=list)
    _number: int = 0

    def publish(self) -> bool:
        """Publish the study as it is now; whether it had changed.

        Raises:
            Unreachable: if the store does not take it.
        """
        with tempfile.TemporaryDirectory() as folder:
            held = dict(self._current(Path(folder)))
        listed = {path.as_posix(): file.sha256 for path, file in held.items()}
        self._held = held
        if self._lists and listed == self._lists[-1]:
            return False
        self._number += 1
        told = {"schema": SCHEMA, "files": listed}
        self.objects.put(self._path(_LISTS, f"{self._number:08d}.json"), json.dumps(told).encode())
        self._lists.append(listed)
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
        """The files as they are now; what has changed is sent."""
        for path in regular_files(self.study, with_inputs=True):
            with suppress(FileNotFoundError):
                state = _state(self.study / path)
                held = self._held.get(path)
                if held is None or state is None or held.state != state:
                    held = Listed(state, self._sent(path, folder / "copy"))
                yield path, held

    def _sent(self, path: Path, copy: Path) -> str:
        copy_file(self.study / path, copy)
        found = sha256(copy)
        if not any(found in of.values() for of in self._lists):
            self.objects.put_file(self._path(_FILES, found), copy)
        copy.unlink()
        return found

    def _forget(self) -> None:
        """Remove the lists of old snapshots, and the contents that none of the others has."""
        if len(self._lists) <= _KEPT:
            return
        gone = self._lists.pop(0)
        self.objects.remove(self._path(_LISTS, f"{self._number - _KEPT:08d}.json"))
        kept = {each for of in self._lists for each in of.values()}
        for each in set(gone.values()) - kept:
            self.objects.remove(self._path(_FILES, each))

    def _path(self, *parts: str) -> str:
        return "/".join((self.writer.folder, *parts))


def newest_writer(objects: Objects) -> Writer | None:
    """The newest writer that has published something; None if nobody has."""
    there = (w for w in writers(objects) if objects.names(f"{w.folder}/{_LISTS}"))
    return next(there, None)


def restore(objects: Objects, to: Path) -> None:
    """Write the newest snapshot into a directory.

    Args:
        objects: of the store.
        to: exists and is empty.

    Raises:
        InputError: if there is no snapshot, it is not whole, or one of its files would lie
            elsewhere.
        Unreachable: if the store does not answer.
    """
    # What is published meanwhile makes the oldest go away.
    for _ in range(3):
        try:
            _restore(objects, to)
        except FileNotFoundError:
            for path in to.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        else:
            return
    raise InputError(f"a snapshot of a study must be whole, but that of {objects.uri} is not.")


def _restore(objects: Objects, to: Path) -> None:
    writer = newest_writer(objects)
    if writer is None:
        raise InputError(f"there must be a study at {objects.uri}, but nothing is published there.")
    newest = objects.names(f"{writer.folder}/{_LISTS}")[-1:]
    if not newest:
        raise FileNotFoundError(writer.folder)
    files = _files_of(objects, f"{writer.folder}/{_LISTS}/{newest[0]}")
    for name, digest in files.items():
        path = to / name
        path.parent.mkdir(parents=True, exist_ok=True)
        objects.get_file(f"{writer.folder}/{_FILES}/{digest}", path)
        if sha256(path) != digest:
            raise InputError(
                f"a file of a snapshot must be what was published, but {name} of {objects.uri} is "
                "not; whoever may write there is not to be trusted."
            )


def _files_of(objects: Objects, name: str) -> dict[str, str]:
    where = f"{objects.uri}/{name}"
    try:
        told = json.loads(objects.get(name))
    except ValueError as error:
        raise InputError(f"{where} must be a list of files, but is not: {error}.") from error
    told = told if isinstance(told, dict) else {}
    check_schema(where, told.get("schema"), SCHEMA)
    files = told.get("files")
    if not isinstance(files, dict):
        raise InputError(f"{where} must be a list of files, but holds {files!r}.")
    for path, digest in files.items():
        check_inside(path, where)
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            raise InputError(f"{where} must hold SHA-256 sums, but holds {digest!r}.")
    return files


def _state(path: Path) -> State | None:
    if is_database(path):
        # What is new may be in its journal only.
        return None
    found = path.stat()
    return State(found.st_size, found.st_mtime_ns, found.st_ino)
