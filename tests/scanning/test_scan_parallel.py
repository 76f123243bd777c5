"""The scan on real Ray processes: the numbers of one process, whatever dies."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import pytest
from processes import first_killed
from toys import toy_events

import raysearch
from raysearch.events import write_columns
from raysearch.inputs import Inputs
from raysearch.scanning import ScanSettings, load_scan
from raysearch.scanning.execute import execute
from raysearch.scanning.executor import Serial
from raysearch.scanning.parallel import RayTasks
from raysearch.scanning.result import Scan
from raysearch.scanning.results import JOURNAL, read_results

pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.slow]
CHOSEN = {"n_signal": (100, 200), "detectors": ("adaboost",), "sets": 3, "repeats": 2}
EVENTS = toy_events(3000, 300)


def comparable(scan):
    rows = scan.table().drop_columns(["seconds"]).to_pylist()
    return [{k: None if v != v else v for k, v in row.items()} for row in rows]


@pytest.fixture(scope="module")
def scan(local_ray, tmp_path_factory):
    out = tmp_path_factory.mktemp("scans") / "scan"
    lines = []
    with first_killed("ray::run_sets") as killed:
        found = raysearch.scan(EVENTS, **CHOSEN, out=out, say=lines.append)
    assert any("the scan will take about" in line for line in lines)
    assert killed
    return found


def test_workers_that_are_killed_cost_nothing_and_give_the_numbers_of_one_process(scan, tmp_path):
    write = {"schema": 1, "settings": scan.about["settings"], "inputs": {}, "complete": False}
    (tmp_path / "scan.json").write_text(json.dumps(write))
    inputs = {"baseline": Inputs(EVENTS, None, None)}
    here = execute(Scan(tmp_path), ScanSettings(**CHOSEN), inputs, Serial(), lambda line: None)
    ours, theirs = comparable(scan), comparable(here)
    assert len(ours) == len(theirs) == 2 * 3 * 2 + 2 * 3
    for a, b in zip(ours, theirs, strict=True):
        assert a == pytest.approx(b, rel=1e-6)


def test_a_scan_directory_holds_what_it_should(scan):
    names = {path.name for path in scan.directory.iterdir()}
    assert {"scan.json", "scan.parquet", "report.html", "figures", JOURNAL} <= names
    about = scan.about
    assert about["complete"] is True
    assert about["inputs"]["events"]["sha256"]
    assert about["estimate"]["fits"] == 12
    assert about["cells"]["idealised-baseline-100"]["counts"]["injected"] == 100
    full = [row for row in scan.table().to_pylist() if row["stage"] == "full"]
    assert all(np.isfinite(row["max_sic"]) for row in full)


@pytest.mark.usefixtures("local_ray")
def test_no_task_sees_a_gpu_that_it_does_not_hold():
    tasks = RayTasks()
    (handle,) = tasks.start(os.getenv, "CUDA_VISIBLE_DEVICES")
    while not tasks.ended([handle], 1.0):
        pass
    assert tasks.result(handle) == ""


@pytest.mark.usefixtures("local_ray")
def test_the_same_call_runs_nothing_again(scan):
    before = (scan.directory / JOURNAL).read_bytes()
    lines = []
    raysearch.scan(EVENTS, **CHOSEN, out=scan.directory, say=lines.append)
    assert (scan.directory / JOURNAL).read_bytes() == before
    assert "the scan is complete" in lines[0]


@pytest.mark.usefixtures("local_ray")
def test_other_events_are_another_scan(scan):
    with pytest.raises(raysearch.InputError, match="different input files"):
        raysearch.scan(toy_events(3000, 300, seed=1), **CHOSEN, out=scan.directory)


@pytest.fixture
def start(tmp_path):
    """Starts the job in a process group of its own, which ends with the test."""
    write_columns(tmp_path / "events.h5", toy_events(6000, 300))
    job = Path(__file__).parents[2] / "jobs" / "scan_signal.py"

    def kill_group(process):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    with ExitStack() as stack:

        def of():
            words = [tmp_path / "events.h5", "--n-signal", "100,200", "--detectors", "hgb"]
            words += ["--sets", 6, "--repeats", 2, "--out", tmp_path / "out"]
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
            command = [sys.executable, "-u", job, *map(str, words)]
            process = subprocess.Popen(command, start_new_session=True, **pipes)
            stack.enter_context(process)
            stack.callback(kill_group, process)
            return process

        yield of


def wait_for_trials(out, process):
    while not ((out / JOURNAL).is_file() and len(read_results(out).half) >= 2):
        assert process.poll() is None
        time.sleep(0.05)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_an_interrupted_scan_goes_on_where_it_ended(start, tmp_path, number, status):
    out, process = tmp_path / "out", start()
    wait_for_trials(out, process)
    os.kill(process.pid, number)
    told, _ = process.communicate(timeout=120)
    assert process.returncode == status, told
    before = read_results(out).half
    assert 2 <= len(before) < 12
    if number == signal.SIGINT:
        assert f"raysearch resume {out}" in told
        assert (out / "report.html").is_file()
    time.sleep(1)
    again = start()
    told, _ = again.communicate(timeout=300)
    assert again.returncode == 0, told
    lines = [json.loads(line) for line in (out / JOURNAL).read_text().splitlines()]
    keys = [json.dumps(line["key"]) for line in lines if line["kind"] == "half"]
    assert len(keys) == len(set(keys)) == 12
    after = read_results(out).half
    assert {key: after[key] for key in before} == before
    assert load_scan(out).about["complete"] is True
