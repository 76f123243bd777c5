"""Jobs that run in this process, at once and to their end: for debugging."""

from __future__ import annotations

import io
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

import typer

from raysearch.errors import InputError
from raysearch.service.executor import (
    FAILED,
    RUNNING,
    STOPPED,
    SUCCEEDED,
    AlreadyThere,
    JobInfo,
    Request,
)
from raysearch.service.fetched import copy_study

IN_PROCESS = "in-process"


class _Tee(io.StringIO):
    """Keeps what is printed, and prints it."""

    def __init__(self, screen: TextIO) -> None:
        super().__init__()
        self._screen = screen

    def write(self, text: str) -> int:
        self._screen.write(text)
        return super().write(text)


@dataclass(frozen=True)
class InProcess:
    """Runs each job where it is submitted; knows its jobs as long as this process lives."""

    known: dict[str, JobInfo] = field(default_factory=dict)
    printed: dict[str, _Tee] = field(default_factory=dict)
    place: str = IN_PROCESS
    is_here: bool = True

    def start(self, request: Request) -> None:
        """Run the job to its end; see `Executor.start`."""
        if request.job_id in self.known:
            raise AlreadyThere(request.job_id)
        begun = JobInfo(request.job_id, RUNNING, request.words, request.study, started=time.time())
        self.known[request.job_id] = begun
        out = self.printed[request.job_id] = _Tee(sys.stdout)
        state, failure = STOPPED, "it was interrupted"
        try:
            with redirect_stdout(out):
                failure = _run(request.words)
            state = FAILED if failure else SUCCEEDED
        finally:
            # Ctrl-C is for whoever submitted it too; the job has ended all the same.
            ended = replace(begun, state=state, message=failure, ended=time.time())
            self.known[request.job_id] = ended

    def jobs(self) -> list[JobInfo]:
        """See `Executor.jobs`."""
        return list(self.known.values())

    def job(self, job_id: str) -> JobInfo | None:
        """See `Executor.job`."""
        return self.known.get(job_id)

    def logs(self, job_id: str) -> str:
        """See `Executor.logs`."""
        return self.printed[job_id].getvalue()

    def stop(self, job_id: str) -> bool:
        """False: every job has ended."""
        return False

    def fetch(self, study: str, to: Path) -> Path:
        """See `Executor.fetch`."""
        return copy_study(Path(study), to)


# The jobs of this process, whoever asks.
THIS_PROCESS = InProcess()


def _run(words: Sequence[str]) -> str:
    """Run a command as the command line does; why it failed, or nothing."""
    # The commands import all of raysearch, which who asks for a job's state should not wait for.
    from raysearch.commands.application import application

    try:
        status = application()(list(words), standalone_mode=False)
    except typer.Abort:
        return "it was interrupted"
    except (InputError, typer.TyperException) as error:
        print(f"error: {error}")
        return str(error)
    except SystemExit as error:
        status = error.code
    except Exception as error:
        print(traceback.format_exc())
        return f"{type(error).__name__}: {error}"
    return f"it ended with status {status}" if status else ""
