"""The whole chain of a test: selection by power, preparation, the data's own t, toys, result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from raysearch.files import write_json
from raysearch.malformed import as_written, read_json
from raysearch.nplm import plan
from raysearch.nplm.conduct import Course, conduct
from raysearch.nplm.power import Power, best, judge
from raysearch.nplm.prepare import Prepared, prepare_test
from raysearch.nplm.question import Question
from raysearch.nplm.result import NplmResult
from raysearch.nplm.settings import NplmSettings
from raysearch.nplm.store import SELECTION, check_directory, hold, open_store
from raysearch.nplm.suggestions import rounds
from raysearch.nplm.work import Runner
from raysearch.progress import Say
from raysearch.provenance import git_commit, versions


def run_chain(
    question: Question, directory: Path, runner: Runner, say: Say
) -> tuple[Prepared, NplmResult]:
    """Answer a question; what an earlier run has finished in the directory is not done again.

    Args:
        question: samples and settings.
        directory: of the result.
        runner: makes batches of toys.
        say: receives progress, line by line.

    Raises:
        InputError: if the directory holds another test, or the question breaks a rule.
    """
    asked = plan.asked(question)
    check_directory(directory, asked)
    question.check()
    about: dict[str, Any] = {}
    if question.settings.selects:
        hold(directory, {"asked": asked})
        powers = select_by_power(question, directory, runner, say)
        question = question.with_candidate(best(powers).candidate)
        about = {
            "selection": [judged.as_json() for judged in powers],
            "columns_used": list(question.points["data"].columns),
        }
    prepared = prepare_test(question)
    course = begin(prepared, asked, question.settings, directory, say, about)
    return prepared, conduct(course, runner)


def begin(
    prepared: Prepared,
    asked: Mapping[str, Any],
    settings: NplmSettings,
    directory: Path,
    say: Say,
    about: Mapping[str, Any] | None = None,
) -> Course:
    """Open the directory of a prepared test and test the data themselves.

    Args:
        prepared: the test.
        asked: what decides its toys, see `raysearch.nplm.plan`.
        settings: of the test.
        directory: of the result.
        say: receives progress, line by line.
        about: what nplm.json should tell besides.

    Raises:
        InputError: if the directory holds another test.
    """
    statistic = prepared.work.statistic
    store = open_store(directory, statistic.sigmas, asked, plan.chosen(prepared))
    told = {
        **settings.as_json(),
        **asked,
        "sigmas_used": list(statistic.sigmas),
        "chosen": {name: choice._asdict() for name, choice in prepared.choices.items()},
        "n_data": statistic.pool.n_data,
        "n_reference": statistic.pool.n_reference,
        "n_pool": len(statistic.pool.points),
        "versions": versions(),
        "git_commit": git_commit(),
        **(about or {}),
    }
    observed = statistic.parts([prepared.observed])[0]
    return Course(prepared, settings, told, store, observed, say)


def select_by_power(
    question: Question, directory: Path, runner: Runner, say: Say
) -> tuple[Power, ...]:
    """The power of each candidate, in their order; those of a round are written together.

    Args:
        question: whose candidates are judged.
        directory: where powers and toys lie and will lie.
        runner: makes the toys.
        say: receives progress, line by line.
    """
    path, powers = directory / SELECTION, list[Power]()
    held = held_powers(path)
    for candidates in rounds(question, powers):
        known = held[len(powers) : len(powers) + len(candidates)]
        if known:
            pairs = zip(candidates, known, strict=True)
            powers += [Power(candidate, *was) for candidate, was in pairs]
            continue
        found = judge(question, candidates, directory, runner, len(powers))
        powers += found
        write_json(path, {"powers": [judged.as_json() for judged in powers]})
        for judged in found:
            say(
                f"power of {judged.candidate.as_json()}: Z = {judged.z:.2f} +- {judged.z_error:.2f}"
            )
    return tuple(powers)


def held_powers(path: Path) -> list[tuple[float, float]]:
    """Z and its error of each candidate that an earlier run has judged.

    Raises:
        InputError: if the file holds anything else.
    """
    if not path.is_file():
        return []
    with as_written(path.parent, "test"):
        return [(float(was["z"]), float(was["z_error"])) for was in read_json(path)["powers"]]
