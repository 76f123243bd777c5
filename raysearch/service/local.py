"""Jobs on the Ray head of this machine."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from raysearch.errors import InputError
from raysearch.service.address import LOCAL
from raysearch.service.cluster import Cluster
from raysearch.service.executor import ENDED, JobInfo, Request
from raysearch.service.fetched import copy_study
from raysearch.service.handed import STALE_S, forget_handed, handed_over
from raysearch.service.head import check_listener, start_head
from raysearch.service.head_place import Head, head_directory, head_token, running_head
from raysearch.service.job_interface import JobInterface

if TYPE_CHECKING:
    # Imports torch, which who asks for a job's state should not wait for.
    from raysearch.progress import Say


@dataclass(frozen=True)
class Local:
    """The head of this user; its jobs see the files of this machine.

    Attributes:
        cluster: its job interface.
    """

    cluster: Cluster
    place: str = LOCAL
    is_here: bool = True

    def start(self, request: Request) -> None:
        """See `Executor.start`; in the working directory itself, and in this environment."""
        directory, where = head_directory(), (request.working_dir or Path.cwd()).absolute()
        waiting = [job.job_id for job in self.jobs() if job.state not in ENDED]
        forget_handed(directory, waiting, STALE_S)
        with handed_over(directory, request.job_id, where) as handed:
            try:
                begun = replace(self.cluster, python=handed.python)
                begun.start(replace(request, working_dir=None))
            except InputError:
                # A head that was too slow to say so may have the job all the same.
                if not self._has(request.job_id, handed.file):
                    raise

    def jobs(self) -> list[JobInfo]:
        """See `Executor.jobs`."""
        return self.cluster.jobs()

    def job(self, job_id: str) -> JobInfo | None:
        """See `Executor.job`."""
        return self.cluster.job(job_id)

    def logs(self, job_id: str) -> str:
        """See `Executor.logs`."""
        return self.cluster.logs(job_id)

    def stop(self, job_id: str) -> bool:
        """See `Executor.stop`."""
        return self.cluster.stop(job_id)

    def fetch(self, study: str, to: Path) -> Path:
        """See `Executor.fetch`."""
        return copy_study(Path(study), to)

    def _has(self, job_id: str, file: Path) -> bool:
        """Whether the head has a job of this name that takes this very environment."""
        told = self.cluster.interface.job(job_id) or {}
        return str(file) in shlex.split(str(told.get("entrypoint")))


def local(say: Say) -> Local:
    """The head of this machine, started if there is none."""
    return _of(start_head(say))


def running_local() -> Local:
    """The head of this machine.

    Raises:
        InputError: if there is none.
    """
    head = running_head()
    if head is None:
        raise InputError(
            "a head must run on this machine to have jobs, but there is none; `raysearch submit` "
            "starts one, and `raysearch resume STUDY` goes on with what an earlier one began."
        )
    check_listener(head)
    return _of(head)


def _of(head: Head) -> Local:
    return Local(Cluster(JobInterface(head.url, head_token())))
