"""What the tree families share: balanced weights, one step, depth, seeds, one thread."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import QUICK, fitted, toy_rows, two_members

from raysearch.detectors import DETECTORS, detector
from raysearch.detectors.trees import balanced_weights

TREES = ["hgb", "lightgbm", "adaboost", "random_forest"]

COUNT_THREADS = """
import numpy as np, psutil
from raysearch.detectors import Member, detector
from raysearch.samples import Rows
import lightgbm, sklearn.ensemble

x = np.random.default_rng(0).normal(size=(20_000, 3)).astype(np.float32)
rows = Rows(x, x[:, 0] > 0)
member = Member(np.arange(0, 20_000, 2), np.arange(1, 20_000, 2), 0)
before = psutil.Process().num_threads()
for name in {names}:
    (fitted,) = detector(name).fit(rows, [member], [{{}}], epochs=None)
    fitted.scores(x)
print(psutil.Process().num_threads() - before)
"""


@pytest.fixture(scope="module")
def rows():
    return toy_rows(300, 300, 60)


@given(st.lists(st.booleans(), min_size=2).filter(lambda c: 0 < sum(c) < len(c)))
def test_both_classes_weigh_the_same_and_together_n(classes):
    is_data = np.array(classes)
    weights = balanced_weights(is_data)
    assert weights[is_data].sum() == pytest.approx(weights[~is_data].sum())
    assert weights.sum() == pytest.approx(len(is_data))


@pytest.mark.parametrize("name", TREES)
class TestTrees:
    def test_it_yields_once_whatever_epochs_are_asked(self, name, rows):
        for epochs in (None, 1, 100):
            fits = detector(name).fit(rows, two_members(600), [QUICK[name]] * 2, epochs=epochs)
            assert sum(1 for _ in fits) == 1

    def test_its_defaults_are_accepted(self, name, rows):
        whole = dict(DETECTORS[name].defaults)
        assert fitted(detector(name), rows, two_members(600)[:1], whole)

    def test_a_depth_of_zero_is_no_limit(self, name, rows):
        def scores(depth):
            given_depth = {**QUICK[name], "max_depth": depth}
            fits = fitted(detector(name), rows, two_members(600)[:1], given_depth)
            return fits.scores(rows.features)

        np.testing.assert_array_equal(scores(0), scores(500))
        assert not np.array_equal(scores(0), scores(1))

    def test_seeds_beyond_32_bits_are_taken(self, name, rows):
        members = two_members(600, seed=2**62)
        assert fitted(detector(name), rows, members, QUICK[name])


def test_no_family_uses_more_than_one_thread_whatever_the_environment_says():
    environment = {**os.environ, "OMP_NUM_THREADS": "4", "LIGHTGBM_NUM_THREADS": "4"}
    command = [sys.executable, "-c", COUNT_THREADS.format(names=TREES)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) == 0
