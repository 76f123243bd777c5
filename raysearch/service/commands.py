"""The commands about jobs: submit, status, logs, stop, list and fetch."""

from __future__ import annotations

import json as json_format
import shlex
import time
from pathlib import Path
from typing import Annotated

import typer

from raysearch.errors import InputError, printable
from raysearch.remote import uri_of
from raysearch.service.address import LOCAL
from raysearch.service.archive import packed
from raysearch.service.executor import FAILED, JobInfo, info
from raysearch.service.head import stop_head
from raysearch.service.job import Job, fetch, fetch_kept
from raysearch.service.places import executor

# Those that need no more than the job interface.
ABOUT_JOBS = frozenset({"status", "logs", "stop", "list", "fetch", "pack"})

# How long a head waits for a stopped job to end by itself, and some more.
_STOP_S = 90.0

Address = Annotated[
    str, typer.Option(help="local, in-process, or the URL of a cluster's dashboard.")
]
JobId = Annotated[str, typer.Argument(metavar="ID", help="As `raysearch submit` printed it.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def submit(
    command: Annotated[
        list[str], typer.Argument(help="search, scan, nplm or another command and its options.")
    ],
    address: Address = LOCAL,
    working_dir: Annotated[
        Path | None,
        typer.Option(help="Where the job runs; a cluster is sent its code and the files named."),
    ] = None,
) -> None:
    """Run a command as a job; the last line printed is the job's id alone.

    On this machine the command has the environment of this shell, e.g. PGPASSWORD, AWS keys and
    OMP_NUM_THREADS, handed over in a file that only you can read, but for names that begin with
    RAY_; these, and all that the workers have which it starts, are of the shell whose submit
    started the head. On a cluster all has the environment in which the cluster was started, and
    nothing of this one is sent: give it its credentials there.
    """
    from raysearch.service.submission import submit as run

    print(run(command, address=address, working_dir=working_dir).job_id)


def status(job_id: JobId, address: Address = LOCAL, json: Json = False) -> None:
    """Say whether a job waits, runs or has ended, and how."""
    found = _job(job_id, address).status()
    print(json_format.dumps(found.as_json(), indent=2) if json else _line(found))
    if found.message and not json:
        print(printable(found.message))


def logs(
    job_id: JobId,
    address: Address = LOCAL,
    follow: Annotated[bool, typer.Option("--follow", help="Until the job ends.")] = False,
) -> None:
    """Print what a job has printed; exit status 1 if it was followed and failed."""
    job = _job(job_id, address)
    if not follow:
        print(printable(job.logs()), end="")
        return
    for news in job.follow():
        print(printable(news), end="", flush=True)
    if job.status().state == FAILED:
        raise typer.Exit(1)


def stop(
    job_id: Annotated[str | None, typer.Argument(metavar="ID", help="The job to stop.")] = None,
    address: Address = LOCAL,
    head: Annotated[
        bool, typer.Option("--head", help="End the head of this machine and all its jobs.")
    ] = False,
) -> None:
    """Stop a job as Ctrl-C does, with its report; `raysearch resume` goes on with its study."""
    if head == (job_id is not None):
        raise InputError("`raysearch stop` needs either the ID of a job or --head.")
    if job_id is not None:
        _stop(_job(job_id, address))
        return
    print("the head has ended" if stop_head() else "no head runs on this machine")


def _stop(job: Job) -> None:
    if not job.stop():
        print("it had ended before")
        return
    print("stopping; it has a minute to write its report", flush=True)
    # Until it has ended it runs, for whoever submits it again.
    try:
        print(job.wait(_STOP_S).state)
    except TimeoutError as error:
        raise InputError(f"a stopped job must end within {_STOP_S:.0f} s, but {error}") from error


def list_jobs(address: Address = LOCAL, json: Json = False) -> None:
    """List the jobs, oldest first."""
    found = executor(address).jobs()
    if json:
        print(json_format.dumps([job.as_json() for job in found], indent=2))
        return
    for job in found:
        print(_line(job))


def fetch_study(
    study: Annotated[str, typer.Argument(help="ID of a job, its --out, or a URI.")],
    address: Address = LOCAL,
    to: Annotated[
        Path | None, typer.Option(help="Directory; default: where it lies here, or in studies/.")
    ] = None,
) -> None:
    """Copy the files of a study to this machine; print where they are."""
    if (uri := uri_of(study)) is not None:
        print(fetch_kept(uri, to))
        return
    where = executor(address)
    known = {job.job_id: job.study for job in where.jobs()}
    found = known.get(study, study)
    if (uri := uri_of(found)) is not None and not where.is_here:
        # Whoever may talk to the cluster may have said so: it is opened with this user's keys.
        raise InputError(
            f"what a cluster says must not choose the object store that is opened, but the job's "
            f"study is at {uri}; if that is yours, `raysearch fetch {shlex.quote(uri)}`."
        )
    print(fetch(where, found, to))


def pack(study: Path) -> None:
    """Print the files of a study as text, for `raysearch fetch`."""
    print(packed(study), end="")


def add_commands(app: typer.Typer) -> None:
    """Add the commands about jobs to a command line."""
    # What follows the name of the command belongs to the job, options included.
    app.command(context_settings={"ignore_unknown_options": True})(submit)
    for command in (status, logs, stop):
        app.command()(command)
    app.command("list")(list_jobs)
    app.command("fetch")(fetch_study)
    app.command(hidden=True)(pack)


def _job(job_id: str, address: str) -> Job:
    where = executor(address)
    return Job(job_id, info(where, job_id).study, where)


def _line(job: JobInfo) -> str:
    """A job in one line."""
    lasted = ""
    if job.started is not None:
        lasted = f" for {(job.ended or time.time()) - job.started:.0f} s"
    return printable(f"{job.job_id}  {job.state}{lasted}  {job.study}").replace("\n", " ")
