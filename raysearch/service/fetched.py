"""A fetched study: it takes the place of what was fetched before, and of nothing else."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raysearch.directories import locked
from raysearch.errors import InputError
from raysearch.files import sha256, write_json
from raysearch.storage import writable
from raysearch.study_files import regular_files, snapshot

# Lies in a directory that was fetched and tells what it then held.
MARK = ".fetched"


def copy_study(study: Path, to: Path) -> Path:
    """Copy the files of a study on this machine; see `Executor.fetch`."""
    if to.resolve() == study.resolve():
        return to
    with replaced(to) as folder:
        snapshot(study, folder)
    return to


def copy_kept(uri: str, to: Path) -> Path:
    """Copy the files of a study in an object store, as they were published last.

    Raises:
        InputError: if there is none, or `to` holds anything but what was fetched before.
    """
    # Whoever fetches from a cluster should not wait for what opens object stores.
    from raysearch.remote.kept import download

    with replaced(to) as folder:
        download(uri, folder)
    return to


@contextmanager
def replaced(to: Path) -> Iterator[Path]:
    """A new directory that becomes `to` if the block succeeds.

    What was there before stays until the new one is whole, and is not lost whenever this process
    is killed.

    Raises:
        InputError: if `to` holds anything but what was fetched before, or its disk has no room.
    """
    check_target(to)
    to = to.resolve()
    to.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{to.name}."
    with (
        writable(to.parent),
        tempfile.TemporaryDirectory(prefix=prefix, suffix=".tmp", dir=to.parent) as folder,
    ):
        new, old = Path(folder) / "new", Path(folder) / "old"
        new.mkdir()
        yield new
        write_json(new / MARK, _contents(new))
        if not to.exists():
            new.rename(to)
            return
        with locked(to):
            check_target(to)
            _swap(new, to, old)


def check_target(to: Path) -> None:
    """Raise InputError if `to` holds anything but what was fetched before."""
    if to.is_symlink() or (to.exists() and not to.is_dir()):
        raise InputError(f"--to must be a directory, but {to} is none; choose another.")
    if Path.cwd().is_relative_to(to.resolve()):
        raise InputError(
            f"--to must not be the directory that you are in, which is replaced, but got {to}."
        )
    if not to.is_dir() or not any(to.iterdir()):
        return
    if not (to / MARK).is_file():
        raise InputError(
            f"--to must be new, or hold what was fetched before, but {to} holds other files; "
            "choose another."
        )
    held, now = _marked(to), _contents(to)
    if changed := sorted(name for name in {*held, *now} if held.get(name) != now.get(name)):
        raise InputError(
            f"--to must hold what was fetched before, but in {to} {', '.join(changed[:3])} changed "
            "since; choose another, or remove it."
        )


def _swap(new: Path, to: Path, old: Path) -> None:
    to.rename(old)
    try:
        new.rename(to)
    except OSError:
        old.rename(to)
        raise


def _contents(directory: Path) -> dict[str, str]:
    return {path.as_posix(): sha256(directory / path) for path in regular_files(directory)}


def _marked(directory: Path) -> dict[str, str]:
    """What the mark tells; nothing if it is none of ours."""
    try:
        return dict(json.loads((directory / MARK).read_text()))
    except (ValueError, TypeError, RecursionError):
        return {}
