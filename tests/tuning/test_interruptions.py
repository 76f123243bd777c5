"""A study survives the death of its driver and ends cleanly on Ctrl-C."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress

import pytest

from raysearch import load_study

pytestmark = pytest.mark.xdist_group("head")
TRIALS = 12


@pytest.fixture
def start():
    """Start the command line in a process group of its own, which ends with the test."""
    with ExitStack() as stack:

        def start(*words):
            command = [sys.executable, "-u", "-m", "raysearch", *map(str, words)]
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
            process = subprocess.Popen(command, start_new_session=True, **pipes)
            stack.enter_context(process)
            stack.callback(kill_group, process)
            return process

        yield start


def kill_group(process):
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def start_search(start, events_file):
    def start_search(out, backend="auto", space="hgb", *more):
        return start(
            *("search", events_file, "--space", space, "--sampler", "random", "--trials", TRIALS),
            *("--n-signal", 300, "--repeats", 1, "--backend", backend, "--out", out),
            # What follows the search takes as little as it can.
            *("--contenders", 1, "--verdict-share", 0, *more),
        )

    return start_search


def wait_for_trials(process, count):
    """Lines of the driver until so many trials have ended."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if sum("trial 0" in told for told in lines) == count:
            return lines
    pytest.fail("the driver ended early:\n" + "".join(lines))


def finished(out):
    from raysearch.settings import settings_from_json
    from raysearch.tuning.history import History

    settings = settings_from_json(load_study(out).about["settings"])
    return History(out, settings).records()


@pytest.mark.slow
def test_sigkill_loses_no_finished_trial_and_repeats_none(start, start_search, tmp_path):
    out = tmp_path / "study"
    ended = 0
    process = start_search(out)
    for already in (3, 2):
        wait_for_trials(process, already)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        time.sleep(1)
        before = finished(out)
        assert len(before) >= ended + already
        ended = len(before)
        process = start("resume", out)
    told, _ = process.communicate(timeout=300)
    assert process.returncode == 0, told
    after = finished(out)
    assert sorted(after) == list(range(TRIALS))
    assert {index: after[index] for index in before} == before
    assert told.count("trial 0") == TRIALS - len(before)
    assert load_study(out).table().num_rows == TRIALS
    assert (out / "report.html").is_file()


@pytest.mark.parametrize("backend", [pytest.param("tune", marks=pytest.mark.slow), "direct"])
def test_ctrl_c_ends_with_the_report_so_far(backend, start_search, tmp_path):
    out = tmp_path / "study"
    process = start_search(out, backend)
    wait_for_trials(process, 2)
    os.kill(process.pid, signal.SIGINT)
    told, _ = process.communicate(timeout=120)
    assert process.returncode == 130, told
    assert "Traceback" not in told
    assert f"raysearch resume {out}" in told
    assert 2 <= load_study(out).table().num_rows < TRIALS
    assert (out / "report.html").is_file()


@pytest.mark.slow
def test_ctrl_c_while_retraining_ends_with_the_report_so_far(start_search, tmp_path):
    out = tmp_path / "study"
    # Networks are retrained for 100 epochs: long enough to be interrupted.
    process = start_search(out, space="mlp")
    for line in process.stdout:
        if "retraining" in line:
            break
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGINT)
    told, _ = process.communicate(timeout=120)
    assert process.returncode == 130, told
    assert "Traceback" not in told
    assert load_study(out).table().num_rows == TRIALS
    assert (out / "report.html").is_file()


@pytest.mark.slow
def test_a_study_that_is_running_is_not_run_twice(start, start_search, tmp_path):
    out = tmp_path / "study"
    process = start_search(out)
    wait_for_trials(process, 1)
    second = start("resume", out)
    told, _ = second.communicate(timeout=120)
    assert second.returncode == 2
    assert "running already" in told


@pytest.mark.slow
def test_a_driver_that_joins_runs_some_trials_and_leaves_the_report_to_the_first(
    start, start_search, tmp_path
):
    out = tmp_path / "study"
    first = start_search(out)
    lines = wait_for_trials(first, 1)
    # While it stands still, what the other tells it has run itself.
    os.kill(first.pid, signal.SIGSTOP)
    second = start_search(out, "auto", "hgb", "--join")
    ends = wait_for_trials(second, 1)
    os.kill(first.pid, signal.SIGCONT)
    ends = "".join(ends) + second.communicate(timeout=300)[0]
    told = "".join(lines) + first.communicate(timeout=300)[0]
    assert (first.returncode, second.returncode) == (0, 0), told + ends
    assert sorted(map(int, re.findall(r"trial (\d{5})", told))) == list(range(TRIALS))
    assert "all trials have ended; the driver that began" in ends
    assert "report: " not in ends
    assert load_study(out).table().num_rows == TRIALS
    assert load_study(out).about["ended_early"] is None
