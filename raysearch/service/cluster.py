"""Jobs on a cluster, through Ray's job interface."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from raysearch.access import keep_from_proxies
from raysearch.errors import InputError
from raysearch.service.archive import unpack
from raysearch.service.executor import ENDED, SUCCEEDED, AlreadyThere, JobInfo, Request
from raysearch.service.ping import check_version, headers
from raysearch.service.study_files import check_target
from raysearch.service.workdir import write_archive

# Metadata of a job that anybody on the cluster may read: which command, about which study.
_WORDS, _STUDY = "raysearch_words", "raysearch_study"
# Ray's own client lets these overrule every address, and would send the token there.
_OVERRULING = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")
_POLL_S = 0.5


@dataclass(frozen=True)
class Cluster:
    """A cluster's job interface.

    Attributes:
        place: its URL.
        token: that opens it, or None.
        python: the words of a shell that start Python there, quoted as they must be.
    """

    place: str
    token: str | None = field(default=None, repr=False)
    python: str = "exec python"
    is_here: bool = False

    def start(self, request: Request) -> None:
        """See `Executor.start`."""
        with tempfile.TemporaryDirectory() as folder:
            environment = {}
            if request.working_dir is not None:
                path = Path(folder) / "working_dir.zip"
                write_archive(request.working_dir, request.files, path)
                environment["working_dir"] = str(path)
            told = {_WORDS: json.dumps(request.words), _STUDY: request.study}
            self._submit(request.job_id, request.words, told, environment)

    def jobs(self) -> list[JobInfo]:
        """See `Executor.jobs`."""
        with self._answering():
            found = self._client.list_jobs()
        ours = [job for job in found if _WORDS in (job.metadata or {})]
        return [_info(job) for job in sorted(ours, key=lambda job: job.start_time or 0)]

    def logs(self, job_id: str) -> str:
        """See `Executor.logs`."""
        with self._answering():
            return str(self._client.get_job_logs(job_id))

    def stop(self, job_id: str) -> bool:
        """See `Executor.stop`."""
        with self._answering():
            return bool(self._client.stop_job(job_id))

    def fetch(self, study: str, to: Path) -> Path:
        """See `Executor.fetch`: a job packs the study and prints it."""
        check_target(to)
        job_id = f"fetch-{secrets.token_hex(4)}"
        self._submit(job_id, ("pack", "--", study), {}, {})
        with self._answering():
            text = self._ended(job_id)
        return unpack(text, to)

    def _submit(
        self, job_id: str, words: tuple[str, ...], told: dict[str, str], environment: dict[str, Any]
    ) -> None:
        with self._answering():
            self._client.submit_job(
                entrypoint=entrypoint(self.python, words),
                submission_id=job_id,
                metadata=told,
                runtime_env=environment,
            )

    def _ended(self, job_id: str) -> str:
        """The log of a helping job once it has ended; nothing of it stays behind."""
        while (status := self._client.get_job_status(job_id)) not in ENDED:
            time.sleep(_POLL_S)
        text = str(self._client.get_job_logs(job_id))
        self._client.delete_job(job_id)
        if status != SUCCEEDED:
            raise InputError(f"{self.place} could not do it: {_last_line(text)}")
        return text

    @cached_property
    def _client(self) -> Any:
        check_environment(self.place)
        check_version(self.place, self.token)
        keep_from_proxies()
        # Ray takes seconds to import; what is refused should not wait for it.
        from ray.job_submission import JobSubmissionClient

        return JobSubmissionClient(self.place, headers=headers(self.token))

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Errors of the connection as sentences."""
        try:
            yield
        except (RuntimeError, OSError) as error:
            if "already exists" in str(error):
                raise AlreadyThere(str(error)) from error
            raise InputError(f"{self.place} did not do it: {_last_line(str(error))}") from error


def entrypoint(python: str, words: tuple[str, ...]) -> str:
    """The line that a shell runs; every word of the user is quoted.

    Example:
        >>> entrypoint("exec python", ("search", "--out=/a b; rm -r c"))
        "exec python -P -m raysearch search '--out=/a b; rm -r c'"
    """
    # -P: a file in the directory in which the job runs is not taken for a module of Python's.
    return f"{python} -P -m raysearch {shlex.join(words)}"


def check_environment(url: str) -> None:
    """Raise InputError if an environment variable would send everything elsewhere."""
    for name in _OVERRULING:
        given = os.environ.get(name, url).rstrip("/")
        if given != url:
            raise InputError(
                f"--address must not contradict the environment, but {name}={given} would overrule "
                f"{url}; unset it."
            )


def _info(job: Any) -> JobInfo:
    return JobInfo(
        job_id=job.submission_id,
        state=str(job.status.value),
        words=tuple(json.loads(job.metadata[_WORDS])),
        study=job.metadata[_STUDY],
        message=job.message or "",
        started=job.start_time and job.start_time / 1000,
        ended=job.end_time and job.end_time / 1000,
    )


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
