"""Snapshots of a study in an object store, read again: nothing that is written there is trusted."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from raysearch.errors import InputError
from raysearch.files import sha256
from raysearch.remote.objects import Objects
from raysearch.remote.snapshots import FILES, LISTS, SCHEMA, Contents
from raysearch.remote.writers import Writer, writers
from raysearch.schemas import check_schema
from raysearch.storage import is_of_storage, writable
from raysearch.study_files import check_inside, regular_files

_TRIES = 5
_LIST = re.compile(r"\d{8}\.json")
_SHA256 = re.compile("[0-9a-f]{64}")
# Left free where a snapshot is written, and what a file takes there besides its contents.
_RESERVE_BYTES, _BLOCK_BYTES = 256 * 2**20, 4096
# No file system has larger files.
_MOST_BYTES = 2**63


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
        lists = [n for n in objects.names(f"{writer.folder}/{LISTS}") if _LIST.fullmatch(n)]
        if lists:
            return Newest(writer, _files_of(objects, f"{writer.folder}/{LISTS}/{lists[-1]}"))
    return None


def published_at(objects: Objects, newest: Newest) -> float | None:
    """When a snapshot was published, by the store's clock, in s since 1970; None if unknown.

    Raises:
        Unreachable: if the store does not answer.
    """
    return objects.modified(f"{newest.writer.folder}/{LISTS}")


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
    objects.get_file(f"{newest.writer.folder}/{FILES}/{digest}", path, size)
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
        Unwritable: if this machine's disk fails.
    """
    for _ in range(_TRIES):
        # While one is read others are published, and the oldest goes away.
        with suppress(FileNotFoundError):
            newest = newest_snapshot(objects)
            if newest is None:
                raise InputError(
                    f"there must be a study at {objects.uri}, but nothing is published there."
                )
            with writable(to):
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
            if is_of_storage(error):
                raise
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
