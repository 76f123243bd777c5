"""A study that is kept in an object store, and runs in a copy on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from raysearch.access import private_directory
from raysearch.errors import InputError
from raysearch.files import write_json
from raysearch.locks import lock_file, taken
from raysearch.remote.objects import Objects, open_objects
from raysearch.remote.publishing import Publication, Renewal, repeated
from raysearch.remote.restoring import Newest, newest_snapshot, restore
from raysearch.remote.snapshots import SENT, Publisher
from raysearch.remote.uri import name_of, uri_of
from raysearch.remote.writers import Writer, claim
from raysearch.storage import writable

# Lies in a copy and tells of what; a study's own files have other names.
MARK, _LOCK, SCHEMA = ".kept.json", ".kept.lock", 1
# Beside a copy, with its name: a folder of what is fetched to take its place.
_FETCHED = ".kept"
# Copies that this process writes, and what keeps the right to.
_OPEN: dict[Path, Renewal] = {}


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
    with _alone(directory), _published(objects, directory, say):
        yield directory


def is_replaced(directory: Path) -> bool:
    """Whether another process has taken over the study whose copy this process writes.

    What runs in a directory that `kept` gave asks between two steps, and ends: nothing that it
    still finds would be published.

    Example:
        >>> is_replaced(Path("studies/first"))
        False
    """
    return directory in _OPEN and _OPEN[directory].superseded is not None


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
        'first-bdc40a01'
    """
    # No cache, which others may empty: what is in it may not be sent yet.
    base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    digest = hashlib.sha256(uri.encode()).hexdigest()[:8]
    return (base / "raysearch" / "kept" / f"{name_of(uri)}-{digest}").absolute()


def _marked(directory: Path) -> str | None:
    """The URI of which a directory is the copy; None if it is none."""
    told = _mark(directory)
    if told is None:
        return None
    uri = uri_of(str(told.get("uri")))
    # A mark in a directory of somebody else's must not send anything to a store of theirs.
    return uri if uri is not None and copy_of(uri).resolve() == directory.resolve() else None


def _mark(directory: Path) -> dict[str, object] | None:
    with suppress(OSError, ValueError, RecursionError):
        told = json.loads((directory / MARK).read_text())
        return told if isinstance(told, dict) and told.get("schema") == SCHEMA else None
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
    own = _writer(directory)
    renewal = Renewal(claim(objects, own, say))
    with repeated(renewal.step):
        newest = newest_snapshot(objects)
        if newest is not None and _is_behind(directory, own, newest):
            say(f"copying {objects.uri} to {directory}")
            with writable(directory.parent):
                _replace(objects, directory, own, say)
        _write_mark(directory, objects.uri, renewal.claim.writer, is_sent=False)
        # What was fetched is in the copy now, unless the store has lost it since.
        _sweep(directory, [SENT] if newest is None else [SENT, _FETCHED])
        base = {} if newest is None else newest.files
        publisher = Publisher(objects, renewal.claim.writer, directory, base)
        publication = Publication(publisher, renewal, say)

        def last() -> None:
            _OPEN.pop(directory, None)
            if renewal.superseded is not None:
                raise renewal.superseded
            publication.end()
            _write_mark(directory, objects.uri, renewal.claim.writer, is_sent=True)

        waits = f"this ends as soon as all that is finished is sent to {objects.uri}"
        _OPEN[directory] = renewal
        try:
            with repeated(publication.step, last, partial(say, waits)):
                yield
        finally:
            _OPEN.pop(directory, None)


def _is_behind(directory: Path, own: Writer | None, newest: Newest) -> bool:
    """Whether the copy is older than what is published, or somebody took files out of it.

    What this machine wrote last it may not have published any more.
    """
    is_older = own is None or own.generation < newest.writer.generation
    # These are never removed, only replaced; what lies deeper may be.
    lasting = [name for name in newest.files if "/" not in name or name.startswith("inputs/")]
    return is_older or not all((directory / name).is_file() for name in lasting)


def _writer(directory: Path) -> Writer | None:
    """The writer that the copy was published by last, if it is the copy of something."""
    match (_mark(directory) or {}).get("writer"):
        case [int(generation), str(token)]:
            return Writer(generation, token)
    return None


def _write_mark(directory: Path, uri: str, writer: Writer, *, is_sent: bool) -> None:
    told = {"schema": SCHEMA, "uri": uri, "writer": list(writer), "is_sent": is_sent}
    with writable(directory):
        write_json(directory / MARK, told)


def _replace(
    objects: Objects, directory: Path, own: Writer | None, say: Callable[[str], None]
) -> None:
    """Put what was published in the place of a copy that is older, or not whole."""
    prefix, parent = f"{_FETCHED}.{directory.name}.", directory.parent
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as name:
        folder = Path(name)
        restore(objects, folder)
        _clear(directory, own, say)
        for path in folder.iterdir():
            path.rename(directory / path.name)


def _clear(directory: Path, own: Writer | None, say: Callable[[str], None]) -> None:
    """Empty a copy; what it may hold that was never sent is put beside it."""
    if own is None or (_mark(directory) or {}).get("is_sent") is True:
        # The mark goes first: a copy without one is never taken for newer than the store.
        for path in reversed(_contents(directory)):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        return
    aside = directory.with_name(f"{directory.name}.{own.folder}")
    say(f"what was in {directory} and may not have been sent is now in {aside}")
    aside.mkdir(mode=0o700, exist_ok=True)
    # The mark goes last: if this is killed, it still tells that what is left here was never sent.
    for path in _contents(directory):
        path.rename(aside / path.name)


def _sweep(directory: Path, kinds: Sequence[str]) -> None:
    """Remove the folders that processes left which wrote this copy and were killed.

    Whoever holds the lock of a copy is the only one alive that does.
    Folders without a study's name, which earlier versions left, stay: whose they are is unknown.
    """
    of = re.compile(rf"({'|'.join(map(re.escape, kinds))})\.{re.escape(directory.name)}\.\w+")
    for path in directory.parent.iterdir():
        if of.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)


def _contents(directory: Path) -> list[Path]:
    """What lies in a copy, its mark last."""
    return sorted((p for p in directory.iterdir() if p.name != _LOCK), key=lambda p: p.name == MARK)
