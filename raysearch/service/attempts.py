"""One job a study: its name follows from command and directory, and who asks again finds it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from raysearch.commands.parse import Command, option, parse
from raysearch.errors import InputError
from raysearch.service.executor import ENDED, SUCCEEDED, JobInfo

# What may differ between two submissions of one study: how long it may take, and on what.
_NOT_OF_THE_STUDY = frozenset(
    {"backend", "gpus_per_trial", "time_budget_s", "trial_timeout_s", "trials_per_pack"}
    | {"max_cpu_hours", "yes", "toys", "stop_at"}
)
# A study knows its inputs by their contents, wherever they lie.
_BY_CONTENTS = frozenset({"events", "template", "test", "data", "reference", "signal"})
# Where it runs, and what a job adds by itself.
_OF_THE_JOB = frozenset({"address", "go_on"})
# These have one result; the others are worth running again.
_RUN_ONCE = frozenset({"search", "scan", "nplm"})
# These write to the directory of a study, so that one at a time can.
_RESUME = "resume"
_WRITE = _RUN_ONCE | {_RESUME}
_LONGEST_NAME = 40


def base_id(command: str, study: str) -> str:
    """The name of a study's job.

    Example:
        >>> base_id("search", "/mnt/studies/First try")
        'search-first-try-910a522d'
    """
    name = re.sub(r"[^a-z0-9]+", "-", PurePosixPath(study).name.lower()).strip("-")
    digest = hashlib.sha256(study.encode()).hexdigest()[:8]
    return "-".join(part for part in (command, name[:_LONGEST_NAME], digest) if part)


def latest(jobs: Sequence[JobInfo], base: str) -> JobInfo | None:
    """The last attempt at the job called `base`, or None."""
    tried = [job for job in jobs if _attempt(job.job_id, base)]
    return max(tried, key=lambda job: _attempt(job.job_id, base), default=None)


def under_way(jobs: Sequence[JobInfo], asked: Command, study: str) -> JobInfo | None:
    """The job that goes on with the same study right now, under another command's name.

    Raises:
        InputError: if it makes another kind of study there.
    """
    if asked.name not in _WRITE:
        return None
    for job in jobs:
        if job.study == study and job.state not in ENDED and job.words[0] in _WRITE - {asked.name}:
            if _RESUME in (asked.name, job.words[0]):
                return job
            raise InputError(
                f"a directory must hold one study, but in {study} a {job.words[0]} runs, job "
                f"{job.job_id}; choose another --out."
            )
    return None


def next_id(held: JobInfo | None, base: str) -> str:
    """The name of another attempt: Ray never takes a name twice."""
    return base if held is None else f"{base}-{_attempt(held.job_id, base) + 1}"


def answers(held: JobInfo, asked: Command) -> bool:
    """Whether a job that was submitted before is what is asked for.

    One that runs is; one that ended is if it succeeded with this very command. A new job goes on
    with a study that failed or was stopped, if there is one: what it may differ in, if anything, is
    then for the study itself to say.

    Raises:
        InputError: if the study it is of differs from the one asked for, listing what differs.
    """
    if held.state in ENDED and held.state != SUCCEEDED:
        return False
    before, names = parse(held.words).values, asked.values.keys() - _OF_THE_JOB
    differing = {name for name in names if asked.values[name] != before.get(name)}
    of_study = differing - _NOT_OF_THE_STUDY
    if held.state == SUCCEEDED:
        of_study -= _BY_CONTENTS
    if of_study:
        told = ", ".join(option(asked.name, name) for name in sorted(of_study))
        raise InputError(
            f"a study must be submitted with the settings it has, but job {held.job_id} of "
            f"{held.study} differs in {told}; give the same, or another --out."
        )
    if held.state not in ENDED:
        return True
    return not differing and asked.name in _RUN_ONCE


def _attempt(job_id: str, base: str) -> int:
    """1, 2, ... for attempts at this job; 0 for another job."""
    match = re.fullmatch(re.escape(base) + r"(?:-(\d+))?", job_id)
    return int(match[1] or 1) if match else 0
