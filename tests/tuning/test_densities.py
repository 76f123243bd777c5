"""Densities side by side on Ray: as in one process, whatever dies."""

import os
import signal
import time

import numpy as np
import pytest
from densities import QUICK, moving_gaussian

from raysearch.density import Conduct, choose_density, suggested_sets
from raysearch.errors import InputError
from raysearch.progress import never
from raysearch.tuning.densities import on_workers

pytestmark = [pytest.mark.xdist_group("ray")]
KIND = "flow_matching"


@pytest.fixture(scope="module")
def sidebands():
    return moving_gaussian(600, 1), moving_gaussian(300, 2)


def test_workers_choose_what_one_process_chooses(local_ray, sidebands):
    sets = suggested_sets(KIND, {**QUICK[KIND], "epochs": 2}, 3, 1)
    here = choose_density(*sidebands, KIND, sets, 1)
    there = choose_density(*sidebands, KIND, sets, 1, Conduct(run=on_workers))
    assert [a.validation_loss for a in here.attempts] == [a.validation_loss for a in there.attempts]
    masses = sidebands[1].mjj_tev
    np.testing.assert_array_equal(
        here.density.sample(masses, 0).features, there.density.sample(masses, 0).features
    )


def test_a_worker_that_always_dies_costs_its_density_alone(local_ray):
    # Named inside: Ray's workers cannot import this file.
    def die(say, halt):
        os.kill(os.getpid(), signal.SIGKILL)

    said = []
    assert list(on_workers([lambda *_: 1, die, lambda *_: 3], said.append, never)) == [1, None, 3]
    assert "density 2 was lost" in said[-1]


def test_what_a_fit_refuses_is_refused_here(local_ray):
    def refuse(say, halt):
        raise InputError("a feature never varies")

    with pytest.raises(InputError, match=r"^a feature never varies$"):
        list(on_workers([refuse], lambda line: None, never))


def test_a_question_ends_all_of_them(local_ray):
    def sleep(say, halt):
        time.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        list(on_workers([sleep] * 4, lambda line: None, lambda: True))
