"""The files of a study on their way to another directory: what goes along, and what is replaced."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raysearch.errors import InputError
from raysearch.files import replacing

# Any of these makes a directory one of ours.
STUDY_FILES = ("study.json", "scan.json", "nplm.json", "plan.json")
# Lies in a directory that was fetched, so that only such a one is ever replaced.
MARK = ".fetched"
MOST_BYTES = 256 * 2**20
_LEFT_BEHIND = frozenset({"inputs"})


def files_of(study: Path) -> list[Path]:
    """Paths of the study's files relative to it; no links, hidden files or copied inputs.

    Raises:
        InputError: if there is no study, or it is too large, with what is large.
    """
    if not any((study / name).is_file() for name in STUDY_FILES):
        raise InputError(
            f"a study directory must hold one of {', '.join(STUDY_FILES)}, but {study} does not."
        )
    found = list(_regular_files(study))
    check_size(study, found, MOST_BYTES, "a study that is fetched")
    return found


def check_size(directory: Path, files: list[Path], most: int, what: str) -> None:
    """Raise InputError if these files are larger than `most` bytes together, naming the largest."""
    sizes = {path: (directory / path).stat().st_size for path in files}
    total = sum(sizes.values())
    if total > most:
        largest = sorted(sizes, key=lambda path: -sizes[path])[:3]
        named = ", ".join(f"{path} ({_mib(sizes[path])})" for path in largest)
        raise InputError(
            f"{what} must not be larger than {_mib(most)}, but {directory} has {_mib(total)}; the "
            f"largest: {named}."
        )


def copy_study(study: Path, to: Path) -> Path:
    """Copy the files of a study on this machine; see `Executor.fetch`."""
    files = files_of(study)
    if to.resolve() == study.resolve():
        return to
    with replaced(to) as folder:
        for path in files:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(study / path, folder / path)
    return to


@contextmanager
def replaced(to: Path) -> Iterator[Path]:
    """A new directory that becomes `to` if the block succeeds.

    Raises:
        InputError: if `to` holds anything but what was fetched before.
    """
    check_target(to)
    with replacing(to) as temporary:
        temporary.mkdir()
        (temporary / MARK).touch()
        yield temporary
        if to.exists():
            shutil.rmtree(to)


def check_target(to: Path) -> None:
    """Raise InputError if `to` holds anything but what was fetched before."""
    if to.is_symlink() or (to.exists() and not to.is_dir()):
        raise InputError(f"--to must be a directory, but {to} is none; choose another.")
    if to.is_dir() and any(to.iterdir()) and not (to / MARK).is_file():
        raise InputError(
            f"--to must be new, or hold what was fetched before, but {to} holds other files; "
            "choose another."
        )


def _regular_files(study: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(study):
        here = Path(folder)
        folders[:] = sorted(n for n in folders if n not in _LEFT_BEHIND and not n.startswith("."))
        for name in sorted(names):
            path = here / name
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path.relative_to(study)


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
