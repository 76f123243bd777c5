"""Toys as Ray tasks: the numbers of the serial run, and a lost worker costs its batch only."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import ray
from nplm_toys import kernel_test, pool, two_samples

import raysearch
from raysearch.nplm.parallel import ray_runner, run_tasks
from raysearch.nplm.work import Batch, Work, serial

pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.usefixtures("local_ray")]


@pytest.fixture(autouse=True)
def _functions_travel_by_value():
    """Workers cannot import this file."""
    module = sys.modules[__name__]
    ray.cloudpickle.register_pickle_by_value(module)
    yield
    ray.cloudpickle.unregister_pickle_by_value(module)


def jobs(shared, count, size=3):
    return [(shared, Batch(None, tuple(range(size * k, size * (k + 1))))) for k in range(count)]


def test_workers_give_the_serial_numbers():
    work = Work(kernel_test(pool()))
    expected = dict(serial(jobs(work, 4)))
    found = dict(ray_runner()(jobs(work, 4)))
    assert found.keys() == expected.keys()
    for batch, values in expected.items():
        np.testing.assert_allclose(found[batch], values, rtol=0, atol=1e-9)


def die_once(marks, batch):
    """Ends its worker the first time it sees the second batch."""
    mark = Path(marks) / f"{batch.seeds[0]}-{os.getpid()}"
    mark.touch()
    if batch.seeds[0] == 3 and len(list(Path(marks).glob("3-*"))) == 1:
        os._exit(1)
    return np.full((len(batch.seeds), 1), float(batch.seeds[0]))


def test_a_lost_worker_costs_its_batch_only(tmp_path):
    found = dict(run_tasks(die_once, jobs(str(tmp_path), 3)))
    assert {b.seeds[0]: v[0, 0] for b, v in found.items()} == {0: 0.0, 3: 3.0, 6: 6.0}
    made = sorted(path.name.split("-")[0] for path in tmp_path.iterdir())
    assert made.count("3") == 2
    assert made.count("0") + made.count("6") in (2, 3)  # one that ran beside it may be repeated


def test_more_batches_wait_than_a_small_cluster_works_on():
    """An autoscaler starts nodes for what waits."""
    taken = []
    work = (taken.append(job) or job for job in jobs(None, 100, 1))
    results = run_tasks(number_of, work)
    next(results)
    assert len(taken) == 64
    assert len(list(results)) == 99


def test_each_batch_meets_what_it_shares():
    work = [(factor, batch) for factor in (2.0, 3.0, 2.0) for _, batch in jobs(None, 2, 1)]
    found = [values[0, 0] for _, values in run_tasks(times, work)]
    assert sorted(found) == [0, 0, 0, 2, 2, 3]


def times(factor, batch):
    return np.array([[factor * batch.seeds[0]]])


def number_of(shared, batch):
    return np.array([[float(batch.seeds[0])]])


def fail(shared, batch):
    raise ValueError("no toy")


def test_a_toy_that_fails_is_not_hidden():
    with pytest.raises(ValueError, match="no toy"):
        list(run_tasks(fail, jobs(None, 1)))


def test_the_interface_writes_everything(tmp_path):
    data, reference, signal = two_samples(n_signal=12)
    lines = []
    result = raysearch.nplm_test(
        data,
        reference,
        signal=signal,
        inject=[20],
        injected_toys=10,
        sigma=[1.0],
        centres=40,
        toys=40,
        out=tmp_path / "out",
        say=lines.append,
    )
    assert result.toys == 40
    assert json.loads((tmp_path / "out" / "nplm.json").read_text())["complete"] is True
    assert (tmp_path / "out" / "figures" / "injection.png").is_file()
    assert lines[-1] == f"result: {tmp_path / 'out'}"
    with pytest.raises(raysearch.InputError, match="injecting 999 events needs as many"):
        raysearch.nplm_test(data, reference, signal=signal, inject=[999])


@pytest.mark.slow
def test_the_job_tests_a_file_against_another(tmp_path):
    """The command with the score of a study, in a process of its own."""
    rng = np.random.default_rng(0)
    for name, n in (("data", 300), ("reference", 2000)):
        scores = rng.normal(size=(n, 1)).astype(np.float32)
        mjj = rng.uniform(3.3, 3.7, n).astype(np.float32)
        events = raysearch.Events(scores, ("score",), ("1",), mjj)
        raysearch.write_columns(tmp_path / f"{name}.h5", events)
    job = Path(__file__).parents[2] / "jobs" / "nplm_toys.py"
    words = [tmp_path / "data.h5", tmp_path / "reference.h5", "--columns", "score,mjj"]
    words += ["--toys", 40, "--sigma", "0.7,1.4", "--aggregate", "prod-p", "--out", tmp_path / "o"]
    # The module of the nuisance lies in the current directory, where workers do not look.
    words += ["--expected", 300, "--normalisation", 0.05, "--nuisance", "own_nuisances:tilt"]
    ended = subprocess.run(
        [sys.executable, job, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )
    assert ended.returncode == 0, ended.stderr
    assert "from 40 toys p" in ended.stdout
    written = json.loads((tmp_path / "o" / "nplm.json").read_text())
    assert [width["sigma"] for width in written["widths"]] == [0.7, 1.4]
    assert written["settings"]["columns"] == ["score", "mjj"]
    assert written["systematics"]["delta"] > 0
