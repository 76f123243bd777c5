"""A job that was submitted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from raysearch.errors import InputError
from raysearch.remote import name_of, uri_of
from raysearch.service.executor import ENDED, SUCCEEDED, Executor, JobInfo, info
from raysearch.service.fetched import copy_kept
from raysearch.service.results import Result, load_result

_POLL_S, _LONGEST_POLL_S = 0.3, 2.0
_LAST_LINES = 10


class JobFailed(RuntimeError):
    """A job ended without its result; the message has the end of its log."""


@dataclass(frozen=True)
class Job:
    """A command that runs, or ran, elsewhere.

    Attributes:
        job_id: its name.
        study: directory of its study as the job sees it.
        executor: where it runs.
    """

    job_id: str
    study: str
    executor: Executor

    def status(self) -> JobInfo:
        """Its state, and since when.

        Raises:
            InputError: if nobody knows it any more.
        """
        return info(self.executor, self.job_id)

    def logs(self) -> str:
        """What it has printed so far."""
        return self.executor.logs(self.job_id)

    def follow(self) -> Iterator[str]:
        """What it prints, piece by piece, until it ends."""
        told, wait_s = "", _POLL_S
        while True:
            ended = self.status().state in ENDED
            news = self.logs()[len(told) :]
            if news:
                yield news
            if ended:
                return
            told += news
            wait_s = _POLL_S if news else _longer(wait_s)
            time.sleep(wait_s)

    def wait(self, timeout_s: float | None = None) -> JobInfo:
        """Wait until it ends.

        Raises:
            TimeoutError: if it runs for longer than `timeout_s`.
        """
        ends = float("inf") if timeout_s is None else time.monotonic() + timeout_s
        wait_s = _POLL_S
        while (status := self.status()).state not in ENDED:
            if time.monotonic() > ends:
                raise TimeoutError(f"job {self.job_id} still runs after {timeout_s} s.")
            time.sleep(wait_s)
            wait_s = _longer(wait_s)
        return status

    def stop(self) -> bool:
        """End it as Ctrl-C does, with its report; False if it had ended before."""
        return self.executor.stop(self.job_id)

    def fetch(self, to: Path | str | None = None) -> Path:
        """Copy its study to this machine.

        Args:
            to: directory; None for where it lies if that is here, else ``studies/`` and its name.

        Raises:
            InputError: if there is no study yet, or `to` holds something else.
        """
        return fetch(self.executor, self.study, to)

    def result(self, to: Path | str | None = None) -> Result:
        """Wait for it, fetch its study and load it.

        Raises:
            JobFailed: if it did not end well.
        """
        status = self.wait()
        if status.state != SUCCEEDED:
            end = "\n".join(self.logs().splitlines()[-_LAST_LINES:])
            raise JobFailed(f"job {self.job_id} ended as {status.state}; its log ends:\n{end}")
        return load_result(self.fetch(to))


def fetch(executor: Executor, study: str, to: Path | str | None) -> Path:
    """See `Job.fetch`; what lies in an object store is copied from there, whoever ran it."""
    if (uri := uri_of(study)) is not None:
        return fetch_kept(uri, to)
    if to is None and executor.is_here:
        if not Path(study).is_dir():
            raise InputError(f"a study must have a directory, but {study} is none yet.")
        return Path(study)
    return executor.fetch(study, Path(to) if to is not None else Path("studies", _name(study)))


def fetch_kept(uri: str, to: Path | str | None) -> Path:
    """Copy what lies in an object store; see `Job.fetch`."""
    return copy_kept(uri, Path(to) if to is not None else Path("studies", name_of(uri)))


def _longer(wait_s: float) -> float:
    return min(_LONGEST_POLL_S, 1.5 * wait_s)


def _name(study: str) -> str:
    """The last part of a directory that a cluster names."""
    name = PurePosixPath(study).name
    if name in ("", "..") or not name.isprintable():
        raise InputError(
            f"a study's directory must have a name to be fetched by, but got {study!r}; give one "
            "by --to."
        )
    return name
