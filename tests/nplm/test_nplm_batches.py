"""However many toys a batch has, each has the same t, with the settings of a real test."""

import numpy as np
import pytest
from nplm_toys import pool

from raysearch.nplm.blocks import make_block
from raysearch.nplm.neural import NeuralTest
from raysearch.nplm.pool import draw_toy
from raysearch.nplm.settings import NplmSettings
from raysearch.nplm.statistic import KernelTest

pytestmark = pytest.mark.slow


def compare(test, alone):
    """The t of 25 toys at once, of 7, and of some by themselves."""
    draws = [draw_toy(test.pool, seed) for seed in range(25)]
    expected = test.values(draws)
    singles = np.concatenate([test.values([draw]) for draw in draws[:alone]])
    for found in (test.values(draws[:7]), singles):
        np.testing.assert_allclose(found, expected[: len(found)], rtol=0, atol=1e-9)


@pytest.mark.parametrize("scheme", ["fresh", "fixed"])
def test_a_kernel_of_high_rank(scheme):
    of = pool(12_000, 4, scheme, n_reference=9000, n_data=900)
    block = make_block(of, of.points[:400], 2.5, 1e-6, True, "cpu")
    assert block.basis.rank > 100
    compare(KernelTest(of, ((block,),), 1e-6), alone=25)


def test_networks_with_all_their_steps_and_starts():
    """300 steps, each taken or not, of 12 starts, the best of which counts."""
    of = pool(1200, 1, "fixed", n_reference=900, n_data=200)
    test = NeuralTest(of, NplmSettings.hidden, 9.0, NplmSettings.steps, NplmSettings.starts)
    compare(test, alone=4)
