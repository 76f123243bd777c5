"""The benchmarks run, in a small size, and say what they say in one form."""

import json
import os
import re
import subprocess
import sys
import typing

import numpy as np
import optuna
import pytest

from raysearch.benchmarks import BENCHMARKS, packing, run_benchmarks, sleepers, trees
from raysearch.benchmarks.machine import machine
from raysearch.benchmarks.measurement import Measurement, measured
from raysearch.benchmarks.table import as_json, print_table
from raysearch.commands.benchmark import benchmark
from raysearch.errors import InputError
from raysearch.settings import Settings

RAY = [pytest.mark.xdist_group("ray"), pytest.mark.slow]
# Those that need no Ray, those on the tests' own, and those that start one of their own.
WITHOUT, WITH, OF_ITS_OWN = ("packed", "trees", "toys"), ("reading",), ("overhead", "packing")


def check(rows):
    assert rows
    for row in rows:
        assert np.isfinite(row["ratio"])
        assert row["spread"][0] <= row["ratio"] <= row["spread"][1]


def test_every_benchmark_is_tried_here():
    assert set(BENCHMARKS) == {*WITHOUT, *WITH, *OF_ITS_OWN}


@pytest.mark.parametrize("name", WITHOUT)
@pytest.mark.filterwarnings("default")
def test_a_benchmark_measures(name):
    check([row._asdict() for row in run_benchmarks([name], quick=True)])


@pytest.mark.parametrize("name", [pytest.param(name, marks=RAY) for name in WITH])
@pytest.mark.filterwarnings("default")
def test_a_benchmark_on_ray_measures(name, local_ray):
    check([row._asdict() for row in run_benchmarks([name], quick=True)])


@pytest.mark.parametrize("name", [pytest.param(name, marks=RAY) for name in OF_ITS_OWN])
def test_the_command_measures_and_prints_json(name):
    command = ["-m", "raysearch", "benchmark", "--quick", "--only", name, "--json"]
    told = subprocess.run([sys.executable, *command], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    check(json.loads(told.stdout)["measurements"])


def test_the_memory_model_says_what_a_gpu_would_hold():
    row = packing.expected_packs()
    assert 4 < row.ratio < 6
    assert "networks on 80 GiB" in row.detail


def test_the_baseline_without_packs_trains_in_torch(monkeypatch):
    from raysearch import detectors

    monkeypatch.setattr(detectors, "DETECTORS", detectors.DETECTORS)
    packing.install()
    setups = packing._setups(Settings(space=packing.EAGER_SPACE, sampler="random", trials=2))
    same = packing._setups(Settings(space="mlp", sampler="random", trials=2))
    for index, setup in setups.items():
        assert detectors.detector(setup.detector).engine == "eager"
        assert setup._replace(detector="mlp") == same[index]


def test_a_sleep_in_epochs_is_as_long_and_leaves_no_trace(monkeypatch, tmp_path):
    monkeypatch.delenv(sleepers.SLEEP_S, raising=False)
    with sleepers.told(0.2, tmp_path / "log"):
        found = sleepers.space_of_epochs(optuna.create_study().ask())
    assert sleepers.SLEEP_S not in os.environ
    dozer = sleepers.Sleeper("dozer", search_epochs=4)
    snapshots = list(dozer.fit(None, [None, None], [found["parameters"]], epochs=None))
    assert [snapshot.members for snapshot in snapshots] == [2] * 4
    lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    slept = [float(end) - float(start) for _, start, end in lines]
    assert len(slept) == 4
    assert sum(slept) >= 0.2
    outside = float(lines[-1][2]) - float(lines[0][1]) - sum(slept)
    assert sleepers.overhead_s(tmp_path / "log", epochs=4) == pytest.approx(
        4 / 3 * outside, abs=1e-6
    )


def test_the_help_lists_every_benchmark():
    (option,) = typing.get_type_hints(benchmark, include_extras=True)["only"].__metadata__
    assert set(re.findall(r"\w+", option.help)) >= set(BENCHMARKS)


def test_worse_trees_miss_what_is_asked_of_their_quality():
    theirs = [[1.0, 0.690, 5.0]] * 4
    for ours, missed in (([1.0, 0.690, 4.9], False), ([1.0, 0.695, 4.5], True)):
        for row in trees._quality(trees._CASES[0], "hgb", [ours] * 4, theirs):
            assert row.missed == missed, row


def test_the_median_stands_with_its_spread():
    row = measured("speed", [1.0, 4.0, 2.0], "the plain way", 3.0)
    assert (row.ratio, row.spread, row.missed) == (2.0, (1.0, 4.0), True)
    assert not row._replace(target=None).missed


def test_an_unknown_benchmark_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="did you mean 'packed'"):
        run_benchmarks(["packd"])


def test_the_json_holds_machine_and_measurements():
    row = Measurement("speed", 2.0, "the plain way", 1.0, (1.0, 3.0))
    found = json.loads(as_json([row], machine()))
    assert found["measurements"][0]["spread"] == [1.0, 3.0]
    assert found["measurements"][0]["missed"] is False
    assert int(found["machine"]["cores"]) > 0


def test_the_table_names_what_was_missed(capsys):
    print_table([Measurement("speed", 2.0, "the plain way", 3.0, (1.0, 3.0))], {"cores": "2"})
    told = capsys.readouterr().out
    assert "speed" in told
    assert "missed" in told
    assert "cores: 2" in told
