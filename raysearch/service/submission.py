"""Submit a command as a job: checked before it goes, and found again by who asks twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from raysearch.commands.parse import Command, parse
from raysearch.errors import InputError
from raysearch.progress import Say
from raysearch.remote import uri_of
from raysearch.service.address import LOCAL
from raysearch.service.attempts import answers, base_id, latest, next_id, under_way
from raysearch.service.executor import SUCCEEDED, AlreadyThere, Executor, JobInfo, Request, info
from raysearch.service.existing import check_existing, settings_of
from raysearch.service.job import Job
from raysearch.service.place import placed_here, placed_there, read_files, study_of
from raysearch.service.places import HERE, starting_executor
from raysearch.service.workdir import uploaded_files


def submit(
    command: Sequence[str],
    *,
    address: str = LOCAL,
    working_dir: Path | str | None = None,
    say: Say = print,
) -> Job:
    """Run one of raysearch's commands as a job that this process need not wait for.

    One study has one job: the same command for the same directory finds the job that runs, or that
    succeeded, and goes on with a study whose job failed, was stopped, or died with its cluster.

    On this machine the command runs in the environment of this process, but for names that begin
    with RAY_; these, its workers, and all of it on a cluster are of who started the head there.

    Args:
        command: words as on the command line, e.g. ``["search", "events.h5", "--out", "first"]``.
        address: "local" for a Ray head on this machine, which is started if there is none; the URL
            of a cluster's job interface, e.g. "http://127.0.0.1:8265"; or "in-process" to run it
            here and now. A cluster's token is found as Ray finds it, by RAY_AUTH_TOKEN_PATH.
        working_dir: the directory in which the job runs. A cluster is sent its code, and the files
            that the command names.
        say: receives progress, line by line.

    Returns:
        The job.

    Raises:
        InputError: if the command is wrong, its study exists with other settings, nobody answers
            at the address, or it refuses.
    """
    asked = parse(command)
    _check_address(asked)
    folder = Path(working_dir) if working_dir is not None else None
    here = address in HERE
    placed = placed_here(asked, Path.cwd()) if here else placed_there(asked, Path.cwd(), folder)
    settings = settings_of(placed)
    if here and uri_of(study_of(placed)) is None:
        check_existing(Path(study_of(placed)), settings)
    files = () if here or folder is None else _uploaded(folder, read_files(placed, folder), say)
    return _submitted(placed, starting_executor(address, say), folder, tuple(files), say)


def _uploaded(folder: Path, read: Sequence[Path], say: Say) -> list[Path]:
    files = uploaded_files(folder, read)
    mib = sum((folder / path).stat().st_size for path in files) / 2**20
    say(f"{len(files)} files of {folder}, {mib:.1f} MiB, go along")
    return files


def _submitted(
    placed: Command, executor: Executor, folder: Path | None, files: tuple[Path, ...], say: Say
) -> Job:
    study, jobs = study_of(placed), executor.jobs()
    base = base_id(placed.name, study)
    if (other := under_way(jobs, placed, study)) is not None:
        say(f"{study} has a job already, `raysearch {other.words[0]}`: {other.state}")
        return Job(other.job_id, study, executor)
    held = latest(jobs, base)
    if held is not None and answers(held, placed) and not _lost(held, executor):
        say(f"{study} has a job already: {held.state}")
        return Job(held.job_id, study, executor)
    going_on = placed.changed(go_on=True) if "go_on" in placed.values else placed
    request = Request(next_id(held, base), going_on.words(), study, folder, files)
    try:
        executor.start(request)
    except AlreadyThere:
        # Somebody else was faster, perhaps with other settings.
        answers(info(executor, request.job_id), placed)
        say(f"{study} was just given a job")
    return Job(request.job_id, study, executor)


def _lost(held: JobInfo, executor: Executor) -> bool:
    """Whether a job succeeded whose study somebody has removed since."""
    is_seen = executor.is_here and uri_of(held.study) is None
    return held.state == SUCCEEDED and is_seen and not Path(held.study).exists()


def _check_address(asked: Command) -> None:
    if asked.values.get("address") is not None:
        raise InputError("a job must run where it is submitted to, not at an --address of its own.")
