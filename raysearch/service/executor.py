"""Where jobs run: the one interface of a cluster, a head of this machine, and this process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from raysearch.errors import InputError

PENDING, RUNNING = "PENDING", "RUNNING"
SUCCEEDED, FAILED, STOPPED = "SUCCEEDED", "FAILED", "STOPPED"
ENDED = frozenset({SUCCEEDED, FAILED, STOPPED})


@dataclass(frozen=True)
class Request:
    """What is asked of an executor.

    Attributes:
        job_id: name of the job, new to the executor.
        words: the command and what it is given, as on the command line.
        study: directory of the study as the job sees it.
        working_dir: whose files the job finds in its own working directory; None for no files.
        files: which of them, relative to it.
    """

    job_id: str
    words: tuple[str, ...]
    study: str
    working_dir: Path | None = None
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class JobInfo:
    """What an executor knows of a job.

    Attributes:
        job_id: its name.
        state: PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED.
        words: the command and what it was given.
        study: directory of the study as the job sees it.
        message: why it is in this state, in the executor's words.
        started: seconds since 1970, or None.
        ended: seconds since 1970, or None.
    """

    job_id: str
    state: str
    words: tuple[str, ...]
    study: str
    message: str = ""
    started: float | None = None
    ended: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values, as `raysearch status --json` prints them."""
        return {**vars(self), "words": list(self.words)}


class AlreadyThere(Exception):
    """A job of this name was submitted before; somebody else may have been faster."""


class Executor(Protocol):
    """Runs commands of raysearch as jobs."""

    @property
    def place(self) -> str:
        """What a user writes after ``--address`` to find its jobs."""
        ...

    @property
    def is_here(self) -> bool:
        """Whether jobs see the files of this machine under the same paths."""
        ...

    def start(self, request: Request) -> None:
        """Start a job.

        Raises:
            AlreadyThere: if there is one of this name.
            InputError: if nobody answers, or refuses.
        """
        ...

    def jobs(self) -> list[JobInfo]:
        """All jobs of raysearch it still knows, in the order in which they were submitted."""
        ...

    def job(self, job_id: str) -> JobInfo | None:
        """One of them; None if it knows none of this name."""
        ...

    def logs(self, job_id: str) -> str:
        """What the job has printed so far."""
        ...

    def stop(self, job_id: str) -> bool:
        """End the job as Ctrl-C does, with its report; False if it had ended before."""
        ...

    def fetch(self, study: str, to: Path) -> Path:
        """Copy the files of a study into the directory `to`, replacing what was fetched before."""
        ...


def info(executor: Executor, job_id: str) -> JobInfo:
    """What the executor knows of one job.

    Raises:
        InputError: if it knows none of this name.
    """
    found = executor.job(job_id)
    if found is not None:
        return found
    names = ", ".join(job.job_id for job in executor.jobs()) or "none"
    raise InputError(
        f"there must be a job {job_id!r} at {executor.place}, but its jobs are: {names}. A job is "
        "forgotten when its head ends; `raysearch resume STUDY` goes on with its study."
    )
