"""Densities side by side on Ray: as in one process, whatever dies."""

import os
import signal
import time

import numpy as np
import pytest
from densities import QUICK, moving_gaussian

from raysearch.density import CathodeSettings, Conduct, Sidebands
from raysearch.density.choice import choose_density
from raysearch.density.sets import suggested_sets
from raysearch.errors import InputError
from raysearch.progress import never
from raysearch.tuning.densities import on_workers

pytestmark = [pytest.mark.xdist_group("ray")]
KIND = "flow_matching"

# What Ray's workers run is named inside the tests: they cannot import this file.


@pytest.fixture(scope="module")
def sidebands():
    return Sidebands(moving_gaussian(600, 1), moving_gaussian(300, 2))


def test_workers_choose_what_one_process_chooses(local_ray, sidebands):
    sets = suggested_sets(CathodeSettings(KIND, {**QUICK[KIND], "epochs": 2}, trials=3), 1)
    here = choose_density(sidebands, KIND, sets, 1)
    there = choose_density(sidebands, KIND, sets, 1, Conduct(run=on_workers))
    assert [a.validation_loss for a in here.attempts] == [a.validation_loss for a in there.attempts]
    masses = sidebands.validation.mjj_tev
    np.testing.assert_array_equal(
        here.density.sample(masses, 0).features, there.density.sample(masses, 0).features
    )


def test_what_the_cluster_loses_is_trained_here(local_ray):
    driver = os.getpid()

    def die(parts, say, halt):
        if os.getpid() != driver:
            os.kill(os.getpid(), signal.SIGKILL)
        return parts + 2

    said = []
    fits = [lambda parts, *_: parts + 1, die, lambda parts, *_: parts + 3]
    assert list(on_workers(fits, 10, said.append, never)) == [11, 12, 13]
    assert "3 of 3 densities have ended" in said
    assert said[-1].startswith("density 2 was lost (")


def test_what_a_fit_refuses_is_refused_here(local_ray):
    def refuse(parts, say, halt):
        raise InputError("a feature never varies")

    with pytest.raises(InputError, match=r"^a feature never varies$"):
        list(on_workers([refuse], None, lambda line: None, never))


def test_a_question_ends_all_of_them(local_ray, tmp_path):
    begun, ended = tmp_path / "begun", tmp_path / "ended"

    def sleep(parts, say, halt):
        begun.touch()
        for _ in range(300):  # Ray interrupts between two steps, as of a training
            time.sleep(0.1)
        ended.touch()

    with pytest.raises(KeyboardInterrupt):
        list(on_workers([sleep] * 4, None, lambda line: None, begun.exists))
    # Ray interrupts what runs; both CPUs are free again, and nothing queued has begun.
    import ray

    ray.get(ray.remote(num_cpus=2)(lambda: None).remote(), timeout=25)
    assert not ended.exists()
