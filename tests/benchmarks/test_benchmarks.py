"""The benchmarks run, in a small size, and say what they say in one form."""

import json

import numpy as np
import pytest

from raysearch.benchmarks import BENCHMARKS, run_benchmarks
from raysearch.benchmarks.machine import machine
from raysearch.benchmarks.measurement import Measurement, measured
from raysearch.benchmarks.table import as_json, print_table
from raysearch.errors import InputError


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=[] if name == "packed" else [pytest.mark.xdist_group("ray")], id=name
        )
        for name in BENCHMARKS
    ],
)
@pytest.mark.filterwarnings("default")
def test_every_benchmark_measures(name, request):
    if name != "packed":
        request.getfixturevalue("local_ray")
    found = run_benchmarks([name], quick=True)
    assert found
    for row in found:
        assert np.isfinite(row.ratio)
        assert row.spread[0] <= row.ratio <= row.spread[1]


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
