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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raysearch.service import take_over

_PREFIX = "environment-"


@contextmanager
def handed_over(directory: Path) -> Iterator[str]:
    """The words of a shell that start Python in this process's environment, wherever they run.

    Args:
        directory: private, where the environment lies until the job takes it, or the block fails.
    """
    number, name = tempfile.mkstemp(prefix=_PREFIX, dir=directory)
    try:
        with os.fdopen(number, "w") as file:
            json.dump(_own(), file)
        # Isolated, so that this needs nothing of the environment that it replaces.
        begin = [sys.executable, "-I", "-S", take_over.__file__, name]
        yield f"exec {shlex.join([*begin, sys.executable])}"
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _own() -> dict[str, str]:
    """This process's environment, but for what it has of a Ray cluster, which is not the job's."""
    kept = os.environ.items()
    return {name: value for name, value in kept if not name.startswith(take_over.OF_RAY)}


def forget_handed(directory: Path) -> None:
    """Remove what jobs of an earlier head never took."""
    for path in directory.glob(f"{_PREFIX}*"):
        path.unlink(missing_ok=True)
