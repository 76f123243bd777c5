"""A study that is kept in an object store, and runs in a copy on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from raysearch.access import private_directory
from raysearch.errors import InputError
from raysearch.files import write_json
from raysearch.locks import lock_file, taken
from raysearch.remote.objects import Objects, open_objects
from raysearch.remote.publishing import publishing
from raysearch.remote.snapshots import newest_writer, restore
from raysearch.remote.uri import name_of, uri_of
from raysearch.remote.writers import Writer, claim, writers

# Lies in a copy and tells of what; a study's own files have other names.
MARK, _LOCK = ".kept.json", ".kept.lock"
# Copies that this process writes.
_OPEN: set[Path] = set()


@contextmanager
def kept(place: Path | str, say: Callable[[str], None]) -> Iterator[Path]:
    """The directory of a study, which is published while it is used if its place is a URI.

    Args:
        place: a directory, which is given back as it is; the URI of a place in an object store; or
            the copy on this machine of such a one.
        say: receives progress, line by line.

    Raises:
        InputError: if the URI cannot be opened, another process writes there, or what was written
            last could not be published.
    """
    uri = uri_of(place) or _marked(Path(place))
    directory = copy_of(uri) if uri is not None else Path(place)
    if uri is None or directory in _OPEN:
        yield directory
        return
    objects = open_objects(uri)
    with _alone(directory):
        _OPEN.add(directory)
        try:
            with _published(objects, directory, say):
                yield directory
        finally:
            _OPEN.remove(directory)


def download(uri: str, to: Path) -> None:
    """Write a study in an object store, as it was published last, into an empty directory.

    Raises:
        InputError: if there is none, or the store does not answer.
    """
    restore(open_objects(uri), to)


def copy_of(uri: str) -> Path:
    """Where the copy of a study lies on this machine.

    Example:
        >>> copy_of("s3://bucket/first").name
        'first-2f0dcc50'
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256(uri.encode()).hexdigest()[:8]
    return (base / "raysearch" / "kept" / f"{name_of(uri)}-{digest}").absolute()


def _marked(directory: Path) -> str | None:
    """The URI of which a directory is the copy; None if it is none."""
    told = _mark(directory)
    if told is None:
        return None
    uri = uri_of(str(told.get("uri")))
    # A mark in a directory of somebody else's must not send anything to a store of theirs.
    return uri if uri is not None and copy_of(uri) == directory.absolute() else None


def _mark(directory: Path) -> dict[str, object] | None:
    with suppress(OSError, ValueError, RecursionError):
        told = json.loads((directory / MARK).read_text())
        return told if isinstance(told, dict) else None
    return None


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    private_directory(directory.parent)
    private_directory(directory)
    with lock_file(directory / _LOCK) as file:
        if not taken(file):
            raise InputError(
                f"a study runs in one place at a time, but {directory} is running already."
            )
        yield


@contextmanager
def _published(objects: Objects, directory: Path, say: Callable[[str], None]) -> Iterator[None]:
    own, there = _writer(directory), writers(objects)
    made = claim(objects, own, say)
    newest = newest_writer(objects)
    # What this machine wrote last it may not have published any more.
    is_ahead = own is not None and own in (newest, *there[:1])
    if newest is not None and not is_ahead:
        say(f"copying {objects.uri} to {directory}")
        _replace(objects, directory)
    write_json(directory / MARK, {"uri": objects.uri, "writer": list(made.writer)})
    with publishing(made, directory, say):
        yield


def _writer(directory: Path) -> Writer | None:
    """The writer that the copy was published by last, if it is the copy of something."""
    match (_mark(directory) or {}).get("writer"):
        case [int(generation), str(token)]:
            return Writer(generation, token)
    return None


def _replace(objects: Objects, directory: Path) -> None:
    """Put what was published in the place of an older copy."""
    with tempfile.TemporaryDirectory(prefix=".kept.", dir=directory.parent) as folder:
        restore(objects, Path(folder))
        for path in directory.iterdir():
            if path.name != _LOCK:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for path in Path(folder).iterdir():
            path.rename(directory / path.name)
