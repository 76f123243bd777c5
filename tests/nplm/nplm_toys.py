"""Samples with known answers for the tests of the room."""

import numpy as np

from raysearch.nplm.blocks import make_block
from raysearch.nplm.points import Points
from raysearch.nplm.pool import Pool
from raysearch.nplm.statistic import KernelTest

SIGMA = 0.7


def exponential(rng, n):
    return rng.exponential(size=(n, 1))


def normal_4d(rng, n):
    return rng.normal(size=(n, 4))


def points(values, weights=None):
    names = tuple(f"x{k}" for k in range(values.shape[1]))
    return Points(values, names, values, names, weights)


def pool(n=4000, d=2, scheme="fresh", n_reference=3000, n_data=300, seed=0, **others):
    rows = np.random.default_rng(seed).normal(size=(n, d))
    weights = others.pop("weights", np.ones(n))
    zero, one = np.zeros(d), np.ones(d)
    return Pool(rows, weights, zero, one, scheme, n_reference, n_data, **others)


def kernel_test(of, centres=40, penalty=1e-6, keep=True, **others):
    block = make_block(of, of.points[:centres], SIGMA, penalty, keep, "cpu")
    return KernelTest(of, ((block,),), penalty, **others)


def two_samples(n_signal=0, n_data=400, n_reference=4000, seed=5):
    """Data with a narrow bump of signal, reference, and further signal."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(500, 2)) * 0.2 + 2.0
    data = np.concatenate([rng.normal(size=(n_data - n_signal, 2)), signal[:n_signal]])
    return data, rng.normal(size=(n_reference, 2)), signal[n_signal:]
