"""The files of a study that go along when it is copied, as they are at one moment."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path, PurePosixPath

from raysearch.errors import InputError

# Any of these makes a directory one of ours.
STUDY_FILES = ("study.json", "scan.json", "nplm.json", "plan.json")
MOST_BYTES = 256 * 2**20
_LEFT_BEHIND = frozenset({"inputs"})
_DATABASE = ".db"
# What SQLite keeps beside a database while it is written; a copy of the database needs none.
_JOURNALS = ("-journal", "-wal", "-shm")
_LOCKED_S = 30.0
# What SQLite says of the disk that a copy is written to, not of what is copied, in the system's
# words. A quota, and a file too large for its system, are an error of writing.
_OF_TARGET = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR_WRITE: errno.EIO,
    sqlite3.SQLITE_IOERR_FSYNC: errno.EIO,
    sqlite3.SQLITE_READONLY: errno.EROFS,
}


def is_study(names: Iterable[str]) -> bool:
    """Whether files of these names make a directory one of ours."""
    return not set(STUDY_FILES).isdisjoint(names)


def files_of(study: Path) -> list[Path]:
    """Paths of the study's files relative to it; no links, hidden files or copied inputs.

    Raises:
        InputError: if there is no study, or it is too large, with what is large.
    """
    if not any((study / name).is_file() for name in STUDY_FILES):
        raise InputError(
            f"a study directory must hold one of {', '.join(STUDY_FILES)}, but {study} does not."
        )
    found = list(regular_files(study))
    check_size(study, found, MOST_BYTES, "a study that is fetched")
    return found


def check_size(directory: Path, files: Sequence[Path], most: int, what: str) -> None:
    """Raise InputError if these files are larger than `most` bytes together, naming the largest."""
    sizes = {path: _size(directory / path) for path in files}
    total = sum(sizes.values())
    if total > most:
        largest = sorted(sizes, key=lambda path: -sizes[path])[:3]
        named = ", ".join(f"{path} ({_mib(sizes[path])})" for path in largest)
        raise InputError(
            f"{what} must not be larger than {_mib(most)}, but {directory} has {_mib(total)}; the "
            f"largest: {named}."
        )


def snapshot(study: Path, to: Path) -> list[Path]:
    """Copy a study's files into a directory, though the study may be running.

    Args:
        study: its directory.
        to: exists and is empty.

    Returns:
        Paths of the copies relative to it; a file that the study replaced meanwhile may be missing.

    Raises:
        InputError: see `files_of`; or if its database is never free, or not whole.
        OSError: if the copies cannot be written.
    """
    copied = []
    for path in files_of(study):
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            copy_file(study / path, to / path)
            copied.append(path)
    return copied


def regular_files(study: Path, *, with_inputs: bool = False) -> Iterator[Path]:
    """Paths of its files relative to it; no links, hidden files or, unless asked for, inputs."""
    left = frozenset() if with_inputs else _LEFT_BEHIND
    for folder, folders, names in os.walk(study):
        here = Path(folder)
        folders[:] = sorted(n for n in folders if n not in left and not n.startswith("."))
        for name in sorted(names):
            path = here / name
            hidden = name.startswith(".") or name.endswith(_JOURNALS)
            if not hidden and path.is_file() and not path.is_symlink():
                yield path.relative_to(study)


def copy_file(path: Path, to: Path) -> None:
    """Copy a file of a study that may be running; a database between two of its transactions.

    Raises:
        InputError: if the database is never free, or not whole.
        FileNotFoundError: if the study has removed the file.
        OSError: if the copy cannot be written.
    """
    if is_database(path):
        _copy_database(path, to)
    else:
        shutil.copyfile(path, to)


def is_database(path: Path) -> bool:
    """Whether it is one of SQLite's."""
    if path.suffix != _DATABASE:
        return False
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def check_inside(name: object, where: str) -> None:
    """Refuse the name of a copied file that would lie outside its study's directory, or be hidden.

    Args:
        name: as it came.
        where: it came from, for the message.

    Raises:
        InputError: if it would.
    """
    path = PurePosixPath(str(name))
    leads_out = path.is_absolute() or ".." in path.parts or "\\" in path.name
    is_file = bool(path.parts) and path.as_posix() == name and str(name).isprintable()
    if leads_out or not is_file or any(part.startswith(".") for part in path.parts):
        raise InputError(
            f"a copied file must lie in its study's directory, but {where} has {name!r}; where it "
            "comes from is not to be trusted."
        )


def _copy_database(path: Path, to: Path) -> None:
    """Copy a database between two of its transactions, not amid one."""
    address = f"{path.absolute().as_uri()}?mode=rw"
    try:
        with (
            closing(sqlite3.connect(address, _LOCKED_S, uri=True)) as source,
            closing(sqlite3.connect(to)) as target,
        ):
            source.backup(target)
    except sqlite3.Error as error:
        if (code := _OF_TARGET.get(getattr(error, "sqlite_errorcode", 0))) is not None:
            raise OSError(code, str(error), str(to)) from error
        raise InputError(
            f"the history of a study that is fetched must be whole, but {path}: {error}; fetch the "
            "study again when it has ended."
        ) from error


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
