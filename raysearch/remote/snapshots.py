"""Snapshots of a study in an object store, each whole: a list of files, and their contents by hash.

Files lie in the folder of the writer that published them. The list is written when all of them are
there, so a reader finds every file as it was when the snapshot was made, or the one before.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from raysearch.errors import InputError
from raysearch.files import sha256
from raysearch.remote.objects import Objects
from raysearch.remote.writers import Writer, writers
from raysearch.schemas import check_schema
from raysearch.study_files import (
    check_inside,
    copy_file,
    is_database,
    is_study,
    regular_files,
)

SCHEMA = 2
_LISTS, _FILES = "snapshots", "files"
# A reader that began with one snapshot finds its files while the next is published.
_KEPT = 2
_TRIES = 5
_LIST = re.compile(r"\d{8}\.json")
_SHA256 = re.compile("[0-9a-f]{64}")
# Left free where a snapshot is written, and what a file takes there besides its contents.
_RESERVE_BYTES, _BLOCK_BYTES = 256 * 2**20, 4096
# No file system has larger files.
_MOST_BYTES = 2**63


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
        """
        with tempfile.TemporaryDirectory(prefix=".sent.", dir=self.study.parent) as name:
            folder = Path(name)
            self._held = dict(self._current(folder))
            listed = {path.as_posix(): file.contents for path, file in self._held.items()}
            if listed == (self._lists[-1][1] if self._lists else self.base):
                return False
            if not is_study(listed) or not self._send(folder, listed):
                return False
        self._number += 1
        told = {"schema": SCHEMA, "files": {name: of._asdict() for name, of in listed.items()}}
        self.objects.put(self._path(_LISTS, _list_name(self._number)), json.dumps(told).encode())
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
        sent = set(self.objects.names(self._path(_FILES)))
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
            self.objects.put_file(self._path(_FILES, digest), folder / digest)
        return True

    def _forget(self) -> None:
        """Remove the lists of old snapshots, and the contents that none of the others has."""
        if len(self._lists) <= _KEPT:
            return
        number, gone = self._lists.pop(0)
        self.objects.remove(self._path(_LISTS, _list_name(number)))
        kept = {each.sha256 for _, of in self._lists for each in of.values()}
        for each in {each.sha256 for each in gone.values()} - kept:
            self.objects.remove(self._path(_FILES, each))

    def _path(self, *parts: str) -> str:
        return "/".join((self.writer.folder, *parts))


class Newest(NamedTuple):
    """The newest snapshot.

    Attributes:
        writer: that published it.
        files: contents of each file by its path.
    """

    writer: Writer
    files: dict[str, Contents]


def newest_snapshot(objects: Objects) -> Newest | None:
    """The newest snapshot; None if nothing is published.

    Raises:
        InputError: if its list is none of ours.
        Unreachable: if the store does not answer.
    """
    for writer in writers(objects):
        lists = [n for n in objects.names(f"{writer.folder}/{_LISTS}") if _LIST.fullmatch(n)]
        if lists:
            return Newest(writer, _files_of(objects, f"{writer.folder}/{_LISTS}/{lists[-1]}"))
    return None


def published_at(objects: Objects, newest: Newest) -> float | None:
    """When a snapshot was published, by the store's clock, in s since 1970; None if unknown.

    Raises:
        Unreachable: if the store does not answer.
    """
    return objects.modified(f"{newest.writer.folder}/{_LISTS}")


def fetch(objects: Objects, newest: Newest, name: str, path: Path) -> None:
    """Write a file of a snapshot to a path.

    Args:
        objects: of the store.
        newest: the snapshot.
        name: of the file in it.
        path: to write to.

    Raises:
        FileNotFoundError: if newer snapshots took its place meanwhile.
        InputError: if it is not what was published, or larger.
        Unreachable: if the store does not answer.
    """
    digest, size = newest.files[name]
    objects.get_file(f"{newest.writer.folder}/{_FILES}/{digest}", path, size)
    if sha256(path) != digest:
        raise InputError(
            f"a file of a snapshot must be what was published, but {name} of {objects.uri} is "
            "not; whoever may write there is not to be trusted."
        )


def restore(objects: Objects, to: Path) -> Newest:
    """Write the newest snapshot into a directory.

    Args:
        objects: of the store.
        to: exists; files of the snapshot that it holds already stay as they are.

    Returns:
        The snapshot.

    Raises:
        InputError: if there is no snapshot, it is not whole, there is no room for it, or one of its
            files would lie elsewhere or is larger than was published.
        Unreachable: if the store does not answer.
    """
    for _ in range(_TRIES):
        # While one is read others are published, and the oldest goes away.
        with suppress(FileNotFoundError):
            newest = newest_snapshot(objects)
            if newest is None:
                raise InputError(
                    f"there must be a study at {objects.uri}, but nothing is published there."
                )
            _restore(objects, newest, to)
            return newest
    raise InputError(
        f"a snapshot of a study must be whole, but that of {objects.uri} is not, or changes faster "
        "than it can be read; try again."
    )


def _restore(objects: Objects, newest: Newest, to: Path) -> None:
    missing = {name: of for name, of in newest.files.items() if not _is_there(to / name, of)}
    check_room(missing.values(), to, objects.uri)
    for name in missing:
        path = to / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(
                f"files of a snapshot must have places of their own, but {name} of {objects.uri} "
                f"has none: {error}"
            ) from error
        fetch(objects, newest, name, path)
    for path in set(regular_files(to, with_inputs=True)):
        if path.as_posix() not in newest.files:
            (to / path).unlink()


def _is_there(path: Path, contents: Contents) -> bool:
    return path.is_file() and sha256(path) == contents.sha256


def check_room(missing: Iterable[Contents], to: Path, uri: str) -> None:
    """Raise InputError if files of a study's snapshot do not fit where a directory lies."""
    needed = sum(of.size + _BLOCK_BYTES for of in missing)
    room = max(0, shutil.disk_usage(to).free - _RESERVE_BYTES)
    if needed > room:
        raise InputError(
            f"a snapshot of a study must fit where it is copied to, but that of {uri} takes "
            f"{needed / 2**20:.1f} MiB, and {to.parent} has {room / 2**20:.1f} MiB beyond the "
            f"{_RESERVE_BYTES / 2**20:.0f} MiB that stay free; make room, and if a study cannot be "
            "so large, whoever may write there is not to be trusted."
        )


def _list_name(number: int) -> str:
    return f"{number:08d}.json"


def _copied(path: Path, folder: Path) -> Contents:
    """Copy a file into the folder, named by its SHA-256."""
    copy = folder / "copy"
    copy_file(path, copy)
    found = Contents(sha256(copy), copy.stat().st_size)
    copy.rename(folder / found.sha256)
    return found


def _files_of(objects: Objects, name: str) -> dict[str, Contents]:
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
    for path in files:
        check_inside(path, where)
    return {path: _contents_of(told, where) for path, told in files.items()}


def _contents_of(told: Any, where: str) -> Contents:
    digest, size = (told.get(n) if isinstance(told, dict) else None for n in Contents._fields)
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        raise InputError(f"{where} must hold SHA-256 sums, but holds {told!r}.")
    if type(size) is not int or not 0 <= size < _MOST_BYTES:
        raise InputError(f"{where} must hold sizes in bytes, but holds {told!r}.")
    return Contents(digest, size)


def _state(path: Path) -> State | None:
    if is_database(path):
        # What is new may be in its journal only.
        return None
    found = path.stat()
    return State(found.st_size, found.st_mtime_ns, found.st_ino)
