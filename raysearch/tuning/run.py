"""run_search: the trials of a study over the cluster, until all are recorded or time is up."""

from __future__ import annotations

import time
from dataclasses import replace

from raysearch.joint import joint_space
from raysearch.progress import Halt, Say, never
from raysearch.records import Record
from raysearch.settings import Resources, Settings
from raysearch.tuning.book import Book, OnRecord
from raysearch.tuning.capacity import with_capacity
from raysearch.tuning.direct import Direct
from raysearch.tuning.ending import Ending
from raysearch.tuning.history import History
from raysearch.tuning.pace import Pace
from raysearch.tuning.task import Task
from raysearch.tuning.tuned import ROUNDS, WORKER_DEATHS, run_tuned

# As many as in one round of Tune.
_DEATHS = WORKER_DEATHS + 1
# How often is asked for what other drivers did, where there is nothing else to do.
_POLL_S = 1.0


def run_search(
    history: History,
    task: Task,
    settings: Settings,
    resources: Resources,
    on_record: OnRecord,
    say: Say,
    halt: Halt = never,
) -> str | None:
    """Run what is left of the study; every end of a trial is recorded at once.

    Needs a connection to Ray. Concurrency follows from the cluster's resources.

    Args:
        history: of the study.
        task: what the trials share.
        settings: of the study.
        resources: of a trial, the time budget, and the backend.
        on_record: called with index and record when a trial has ended.
        say: told which backend "auto" chose.
        halt: asked all the time whether to end early.

    Returns:
        Why the study ended early, or None if it is complete.
    """
    ending, pace = Ending(resources.time_budget_s, halt), Pace()
    # A random search stays exact at any concurrency and stops no trial.
    races = settings.sampler != "random"
    timeout_s = resources.trial_timeout_s
    task = replace(task, objective=settings.objective, races=races, timeout_s=timeout_s)
    task = with_capacity(task, resources, say)
    if resources.backend == "auto":
        on_record = _telling(on_record, pace, say)
    book = Book(history, joint_space(settings), on_record)
    with ending.on_ctrl_c():
        while not (history.is_over or ending.is_due):
            if history.left and not history.must_wait:
                _run_left(book, task, settings, resources, ending, pace)
            else:
                # Trials of other drivers are running. Should one die, its trials are left again.
                time.sleep(_POLL_S)
            book.look()
    book.flush()
    return ending.reason


def _run_left(
    book: Book,
    task: Task,
    settings: Settings,
    resources: Resources,
    ending: Ending,
    pace: Pace,
) -> None:
    """Run trials until none is left that another driver does not have."""
    if resources.backend != "tune":
        _run_direct(book, task, settings, resources, ending, pace)
        book.reopen()
    if resources.backend != "direct" and book.history.left and not ending.is_due:
        run_tuned(book, task, settings, resources, ending)
    if ending.reason is None:
        _give_up(book)


def _run_direct(
    book: Book,
    task: Task,
    settings: Settings,
    resources: Resources,
    ending: Ending,
    pace: Pace,
) -> None:
    """Run trials directly; with "auto" only while they are short, of which those on disk tell."""
    for _, record in book.history.records().values():
        pace.add(record)
    race = book.race() if task.races else None
    ahead = settings.sampler == "random"
    direct = Direct(book, task, race, pace, deaths=_DEATHS, ahead=ahead)
    direct.run(resources.gpus_per_trial, ending, while_short=resources.backend == "auto")


def _telling(on_record: OnRecord, pace: Pace, say: Say) -> OnRecord:
    """Also say, once it is known and whenever it changes, which backend the pace calls for."""
    told: bool | None = None

    def record(index: int, ended: Record) -> None:
        nonlocal told
        on_record(index, ended)
        if pace.is_known and pace.is_long != told:
            told = pace.is_long
            what = "handing over to Ray Tune" if told else "staying with the direct backend"
            say(f"trials take {pace.median_s:.2g} s (median): {what}")

    return record


def _give_up(book: Book) -> None:
    """Record the trials that no worker survived."""
    while book.history.kept and (suggestion := book.next()):
        reason = f"its worker died in each of {ROUNDS} runs"
        book.enter(suggestion.index, Record("FAIL", {}, 0, 0.0, reason, "unknown"))
