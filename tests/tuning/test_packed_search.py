"""Trials that are trained together in either backend end as they do alone."""

from contextlib import contextmanager

import numpy as np
import pytest
import ray

from raysearch import search

pytestmark = [
    pytest.mark.xdist_group("ray"),
    pytest.mark.usefixtures("local_ray"),
    pytest.mark.filterwarnings("default"),
]
CHOICES = {"space": "failing_space:small_networks", "sampler": "random", "trials": 8, "repeats": 2}


@pytest.fixture(scope="module")
def alone(events, local_ray, tmp_path_factory):
    return rows(events, tmp_path_factory.mktemp("alone"), backend="direct", trials_per_pack=1)


def rows(events, folder, **resources):
    study = search(events, n_signal=300, out=folder / "s", say=quiet, **CHOICES, **resources)
    return study.table().to_pylist()


def quiet(line):
    pass


@pytest.mark.parametrize("backend", ["tune", "direct"])
def test_packs_change_nothing_beyond_rounding(backend, events, alone, tmp_path):
    packed = rows(events, tmp_path, backend=backend, trials_per_pack=3)
    assert [row["state"] for row in packed] == [row["state"] for row in alone]
    assert {row["state"] for row in packed} == {"COMPLETE", "FAIL"}
    for one, other in zip(packed, alone, strict=True):
        assert one["epochs"] == other["epochs"]
        if one["state"] == "COMPLETE":
            for metric in ("val_sic", "val_loss", "max_sic"):
                assert one[metric] == pytest.approx(other[metric], rel=1e-3)


def test_a_trainer_that_dies_costs_no_trial(events, alone, tmp_path, monkeypatch):
    from raysearch.tuning import tuned

    trainers = []
    make = tuned._trainers

    @contextmanager
    def remembered(*arguments):
        with make(*arguments) as made:
            trainers.extend(made)
            yield made

    monkeypatch.setattr(tuned, "_trainers", remembered)
    study = search(
        events,
        n_signal=300,
        out=tmp_path / "s",
        say=lambda line: trainers and ray.kill(trainers.pop(), no_restart=False),
        backend="tune",
        trials_per_pack=3,
        **CHOICES,
    )
    assert not trainers
    found = study.table()
    assert found["state"].to_pylist() == [row["state"] for row in alone]
    assert np.allclose(
        [v or 0 for v in found["val_sic"].to_pylist()],
        [row["val_sic"] or 0 for row in alone],
        rtol=1e-3,
    )
