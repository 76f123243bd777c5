"""Scans and two-sample tests that are kept in an S3 store: another machine goes on with them."""

import signal

import numpy as np
import pyarrow.parquet as pq
import pytest

import raysearch
from raysearch.nplm import nplm_test, parallel
from raysearch.remote.kept import copy_of
from raysearch.scanning import load_scan, resume_scan
from raysearch.scanning.results import read_results
from raysearch.service.job import fetch_kept

pytestmark = [
    pytest.mark.xdist_group("ray"),
    pytest.mark.usefixtures("machine", "local_ray"),
    pytest.mark.parametrize("uri", ["s3"], indirect=True),
]
TOYS = 1_500


def interrupting(word):
    """Says nothing, and is as Ctrl-C at the first line that has the word."""
    lines = []

    def say(line):
        lines.append(line)
        if sum(word in each for each in lines) == 1 and word in line:
            signal.raise_signal(signal.SIGINT)

    return say


@pytest.mark.slow
def test_a_scan_goes_on_where_another_machine_was_interrupted(uri, machine, tmp_path):
    events = raysearch.surrogate_events(4_000, 300, 11)
    asked = {"n_signal": [100], "detectors": ["hgb"], "sets": 12, "repeats": 1, "yes": True}
    asked |= {"modes": ["idealised"], "objectives": ["val_sic"]}
    first = raysearch.scan(events, **asked, out=uri, say=interrupting("trials ended"))
    before = load_scan(fetch_kept(uri, tmp_path / "before"))
    done = _trials(before)
    assert not before.about["complete"]
    assert 0 < len(done) < 12
    machine("second")
    lines = []
    second = resume_scan(uri, say=lines.append)
    assert second.directory != first.directory
    assert lines[-1] == f"kept at {uri}"
    after = load_scan(fetch_kept(uri, tmp_path / "after"))
    assert after.about["complete"]
    assert {k: v for k, v in _trials(after).items() if k in done} == done
    assert len(_trials(after)) == 12
    assert (tmp_path / "after" / "report.html").is_file()


def _trials(scan):
    """With the seconds of each trial, which tell whether it ran again."""
    return read_results(scan.directory).half


def test_a_two_sample_test_goes_on_where_another_machine_was_interrupted(
    uri, machine, tmp_path, monkeypatch
):
    rng = np.random.default_rng(1)
    samples = rng.normal(size=(300, 2)), rng.normal(size=(3000, 2))
    asked = {"toys": TOYS, "sigma": [1.0], "centres": 100, "out": uri}
    made, run_tasks = [], parallel.run_tasks

    def interrupted(*given):
        for batch, values in run_tasks(*given):
            if made:
                signal.raise_signal(signal.SIGINT)
            made.extend(batch.seeds)
            yield batch, values

    monkeypatch.setattr(parallel, "run_tasks", interrupted)
    with pytest.raises(KeyboardInterrupt):
        nplm_test(*samples, **asked, say=lambda line: None)
    done = _seeds(fetch_kept(uri, tmp_path / "before"))
    assert 0 < len(done) < TOYS
    machine("second")
    assert not copy_of(uri).exists()
    made.clear()

    def noted(*given):
        for batch, values in run_tasks(*given):
            made.extend(batch.seeds)
            yield batch, values

    monkeypatch.setattr(parallel, "run_tasks", noted)
    result = nplm_test(*samples, **asked, say=lambda line: None)
    assert result.toys == TOYS
    assert len(made) == TOYS - len(done)
    assert done.isdisjoint(made)
    assert _seeds(fetch_kept(uri, tmp_path / "after")) == done | set(made)


def _seeds(directory):
    return set(pq.read_table(directory / "toys.parquet")["seed"].to_pylist())
