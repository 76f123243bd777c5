"""What a command's paths mean where its job will run."""

from __future__ import annotations

import time
from pathlib import Path

from raysearch.commands.parse import Command, absolute, option
from raysearch.directories import new_directory
from raysearch.errors import InputError
from raysearch.remote import uri_of

# What names the directory of the study.
_STUDY = {"resume": "directory", "report": "directory", "score": "directory"}
_NEW = ("search", "scan", "nplm")
# What may be the URI of an object store.
_KEPT = {"resume": "directory", **dict.fromkeys(_NEW, "out")}
_WRITTEN = frozenset({"out", "directory"})


def placed_here(command: Command, start: Path) -> Command:
    """The command with absolute paths; a study that has no directory gets a new one.

    Args:
        command: as given.
        start: directory that relative paths start from.

    Raises:
        InputError: if a file that it reads does not exist.
    """
    if command.name in _NEW and command.values["out"] is None:
        command = command.changed(out=str(new_directory(command.name)))
    found = absolute(command, start)
    for name, path in found.paths.items():
        if name not in _WRITTEN and not Path(path).exists():
            raise InputError(f"{option(command.name, name)} must exist, but {path} does not.")
    return found


def placed_there(command: Command, start: Path, working_dir: Path | None) -> Command:
    """The command with paths as a cluster sees them.

    Absolute paths lie on the cluster's storage. Others lie in the working directory, which is
    uploaded.

    Raises:
        InputError: if a path will not be there.
    """
    if command.name in _NEW and command.values["out"] is None:
        raise InputError(
            "a study on a cluster needs --out: an absolute path on storage that outlives the job, "
            "or a URI of an object store."
        )
    paths = {n: p for n, p in command.paths.items() if not Path(p).is_absolute()}
    relative = {n: p for n, p in paths.items() if not _is_kept(command, n)}
    moved = {n: _uploaded(command, n, start / p, working_dir) for n, p in relative.items()}
    return command.changed(**moved)


def _is_kept(command: Command, name: str) -> bool:
    """Whether this names a study in an object store, which a job finds from everywhere."""
    may_be = _KEPT.get(command.name) == name
    return may_be and uri_of(command.values[name]) is not None


def study_of(command: Command) -> str:
    """Directory of the study that a placed command is about; a new name if it is about none."""
    name = _STUDY.get(command.name, "out")
    return str(command.values[name]) if name in command.values else time.strftime("%Y%m%d-%H%M%S")


def read_files(command: Command, working_dir: Path) -> list[Path]:
    """Files of the working directory that a placed command reads."""
    paths = {n: Path(p) for n, p in command.paths.items() if n not in _WRITTEN}
    return [working_dir / path for path in paths.values() if not path.is_absolute()]


def _uploaded(command: Command, name: str, path: Path, working_dir: Path | None) -> str:
    word = option(command.name, name)
    if name in _WRITTEN:
        raise InputError(
            f"{word} of a job on a cluster must be an absolute path on storage that outlives the "
            f"job, or a URI of an object store, but got {command.values[name]}."
        )
    inside = working_dir is not None and path.resolve().is_relative_to(working_dir.resolve())
    if working_dir is None or not inside or not path.is_file():
        raise InputError(
            f"{word} of a job on a cluster must be an absolute path on the cluster's storage, or a "
            f"file in --working-dir, which is uploaded, but got {command.values[name]}."
        )
    return str(path.resolve().relative_to(working_dir.resolve()))
