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
    {"backend", "device", "gpus_per_trial", "time_budget_s", "trial_timeout_s", "trials_per_pack"}
    | {"max_cpu_hours", "yes", "toys", "stop_at"}
)
# Where it runs, and what a job adds by itself.
_OF_THE_JOB = frozenset({"address", "go_on"})
# These have one result; the others are worth running again.
_RUN_ONCE = frozenset({"search", "scan", "nplm"})
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


def next_id(held: JobInfo | None, base: str) -> str:
    """The name of another attempt: Ray never takes a name twice."""
    return base if held is None else f"{base}-{_attempt(held.job_id, base) + 1}"


def answers(held: JobInfo, asked: Command) -> bool:
    """Whether a job that was submitted before is what is asked for.

    One that runs is; one that ended is if it succeeded with this very command. A study that failed
    or was stopped goes on with a new job.

    Raises:
        InputError: if the study it is of differs from the one asked for, listing what differs.
    """
    before, names = parse(held.words).values, asked.values.keys() - _OF_THE_JOB
    differing = {name for name in names if asked.values[name] != before[name]}
    if of_study := sorted(differing - _NOT_OF_THE_STUDY):
        told = ", ".join(option(asked.name, name) for name in of_study)
        raise InputError(
            f"a study must be submitted with the settings it has, but job {held.job_id} of "
            f"{held.study} differs in {told}; give the same, or another --out."
        )
    if held.state not in ENDED:
        return True
    return held.state == SUCCEEDED and not differing and asked.name in _RUN_ONCE


def _attempt(job_id: str, base: str) -> int:
    """1, 2, ... for attempts at this job; 0 for another job."""
    match = re.fullmatch(re.escape(base) + r"(?:-(\d+))?", job_id)
    return int(match[1] or 1) if match else 0
