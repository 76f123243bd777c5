"""Jobs on a cluster, through Ray's job interface."""

from __future__ import annotations

import json
import secrets
import shlex
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raysearch.errors import InputError
from raysearch.service.archive import unpack
from raysearch.service.executor import ENDED, SUCCEEDED, JobInfo, Request
from raysearch.service.fetched import check_target
from raysearch.service.job_interface import JobInterface, last_line
from raysearch.service.workdir import archive

# Metadata of a job that anybody on the cluster may read: which command, about which study.
_WORDS, _STUDY = "raysearch_words", "raysearch_study"
_POLL_S, _FETCH_S = 0.5, 600.0


@dataclass(frozen=True)
class Cluster:
    """A cluster's jobs.

    Attributes:
        interface: to them.
        python: the words of a shell that start Python there, quoted as they must be.
    """

    interface: JobInterface
    python: str = "exec python"
    is_here: bool = False

    @property
    def place(self) -> str:
        """Its URL."""
        return self.interface.url

    def start(self, request: Request) -> None:
        """See `Executor.start`."""
        environment = {}
        if request.working_dir is not None:
            sent = archive(request.working_dir, request.files)
            environment["working_dir"] = self.interface.upload(sent)
        told = {_WORDS: json.dumps(request.words), _STUDY: request.study}
        line = entrypoint(self.python, request.words)
        self.interface.submit(request.job_id, line, told, environment)

    def jobs(self) -> list[JobInfo]:
        """See `Executor.jobs`; those that are not raysearch's, or not of its words, are none."""
        found = [info for job in self.interface.jobs() if (info := _info(job)) is not None]
        return sorted(found, key=lambda info: info.started or 0.0)

    def job(self, job_id: str) -> JobInfo | None:
        """See `Executor.job`."""
        told = self.interface.job(job_id)
        return None if told is None else _info(told)

    def logs(self, job_id: str) -> str:
        """See `Executor.logs`."""
        return self.interface.logs(job_id)

    def stop(self, job_id: str) -> bool:
        """See `Executor.stop`."""
        return self.interface.stop(job_id)

    def fetch(self, study: str, to: Path) -> Path:
        """See `Executor.fetch`: a job packs the study and prints it."""
        check_target(to)
        job_id = f"fetch-{secrets.token_hex(4)}"
        line = entrypoint(self.python, ("pack", "--", study))
        self.interface.submit(job_id, line, {}, {})
        try:
            text = self._ended(job_id)
        finally:
            with suppress(InputError):  # what went wrong before is what counts
                self.interface.stop(job_id)
                self.interface.delete(job_id)
        return unpack(text, to)

    def _ended(self, job_id: str) -> str:
        """The log of a helping job once it has ended."""
        ends = time.monotonic() + _FETCH_S
        while (job := self._helper(job_id))["status"] not in ENDED:
            if time.monotonic() > ends:
                raise InputError(
                    f"{self.place} must pack a study within {_FETCH_S:.0f} s, but its job is "
                    f"{job['status']}: {job.get('message')}"
                )
            time.sleep(_POLL_S)
        text = self.interface.logs(job_id)
        if job["status"] != SUCCEEDED:
            raise InputError(f"{self.place} could not do it: {last_line(text)}")
        return text

    def _helper(self, job_id: str) -> Mapping[str, Any]:
        told = self.interface.job(job_id)
        if told is None:
            raise InputError(f"{self.place} must pack a study, but forgot its job; ask again.")
        return told


def entrypoint(python: str, words: tuple[str, ...]) -> str:
    """The line that a shell runs; every word of the user is quoted.

    Example:
        >>> entrypoint("exec python", ("search", "--out=/a b; rm -r c"))
        "exec python -P -m raysearch search '--out=/a b; rm -r c'"
    """
    # -P: a file in the directory in which the job runs is not taken for a module of Python's.
    return f"{python} -P -m raysearch {shlex.join(words)}"


def _info(job: Mapping[str, Any]) -> JobInfo | None:
    """What Ray tells of a job of raysearch; None for one that somebody else describes."""
    try:
        words, study = json.loads(job["metadata"][_WORDS]), job["metadata"][_STUDY]
        if not words or not all(isinstance(each, str) for each in (*words, study)):
            return None
        return JobInfo(
            job_id=str(job["submission_id"]),
            state=str(job["status"]),
            words=tuple(words),
            study=study,
            message=str(job.get("message") or ""),
            started=_seconds(job.get("start_time")),
            ended=_seconds(job.get("end_time")),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
