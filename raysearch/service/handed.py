"""The environment of who submits a job on this machine, in a file that only this user can read.

It holds passwords and keys. What Ray is told of a job, its variables among it, anybody who opens
the dashboard reads, and the list of processes everybody; a file of mode 0600 in a directory of mode
0700, which the job removes as it begins, nobody but who could read the submitter's own memory.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path
from typing import NamedTuple

from raysearch.service import take_over
from raysearch.storage import writable

_PREFIX = "environment-"
# Nobody needs so long between writing an environment and submitting the job that takes it.
STALE_S = 600.0


class Handed(NamedTuple):
    """An environment that waits for its job.

    Attributes:
        file: where it lies.
        python: the words of a shell that start Python in it, wherever they run.
    """

    file: Path
    python: str


@contextmanager
def handed_over(directory: Path, job_id: str, where: Path) -> Iterator[Handed]:
    """This process's environment, for a job.

    Args:
        directory: private, where the environment lies until the job takes it, or the block fails.
        job_id: of the job.
        where: the directory in which it runs.

    Raises:
        Unwritable: if there is no room for it.
    """
    file = _written(directory, job_id)
    try:
        # Isolated, so that this needs nothing of the environment that it replaces.
        begin = [sys.executable, "-I", "-S", take_over.__file__, str(file), str(where)]
        yield Handed(file, f"exec {shlex.join([*begin, sys.executable])}")
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def forget_handed(
    directory: Path, waiting: Collection[str] = (), older_than_s: float = -inf
) -> None:
    """Remove what jobs never took: they were stopped before they began, or never submitted.

    Args:
        directory: where the environments lie.
        waiting: ids of jobs that may still take theirs.
        older_than_s: how long ago an environment must have been written.
    """
    for path in directory.glob(f"{_PREFIX}*"):
        job_id = path.name.removeprefix(_PREFIX).rpartition("-")[0]
        with suppress(FileNotFoundError):  # its job has just taken it
            if job_id not in waiting and time.time() - path.stat().st_mtime > older_than_s:
                path.unlink()


def _written(directory: Path, job_id: str) -> Path:
    with writable(directory):
        number, name = tempfile.mkstemp(prefix=f"{_PREFIX}{job_id}-", dir=directory)
        try:
            with os.fdopen(number, "w") as file:
                json.dump(_own(), file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    return Path(name)


def _own() -> dict[str, str]:
    """This process's environment, but for what it has of a Ray cluster, which is not the job's."""
    kept = os.environ.items()
    return {name: value for name, value in kept if not name.startswith(take_over.OF_RAY)}
