"""CPU seconds of the two-sample test's toys, against a naive solve and one network at a time.

Kernel test: surrogate dijets of the signal region (4 columns), reference 200k, data 20k, 1000
centres. The naive solve is what published programs do: all kernel values of all events and the
weighted normal equations of the centres, for each toy anew. Neural test: see
`raysearch.benchmarks.networks`.

References:
    Learning new physics efficiently with nonparametric methods (Letizia et al., 2022),
    arXiv:2204.02317
"""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from raysearch.benchmarks.measurement import Measurement, cpu_s, measured
from raysearch.benchmarks.networks import Networks, networks
from raysearch.events.surrogate import surrogate_events
from raysearch.nplm import rules
from raysearch.nplm.arrays import Floats
from raysearch.nplm.blocks import make_block
from raysearch.nplm.kernel import gaussian
from raysearch.nplm.pool import Draw, Pool, draw_toy, reference_rows
from raysearch.nplm.statistic import KernelTest
from raysearch.nplm.tensors import tensor
from raysearch.threads import one_thread

_REGION_TEV = (3.3, 3.7)
_PENALTY = 1e-6
# Seconds a toy may take on one core, by how its reference is drawn, and the least ratio to naive.
_TARGETS = {"fixed": (0.1, 150.0), "fresh": (2.5, None)}
# By how much t may differ from the naive solve's.
_MOST_DIFFERENCE = 0.2


class Size(NamedTuple):
    """Rows of pool, reference and data, centres, toys at once, and what is trained."""

    pool: int = 440_000
    reference: int = 200_000
    data: int = 20_000
    centres: int = 1000
    toys: int = 50
    networks: Networks = Networks()
    runs: int = 3


QUICK = Size(4_000, 1_500, 300, 60, 3, Networks(6, 3, 5, 1), 1)


def measure(*, quick: bool = False) -> list[Measurement]:
    """Toys with a shared and with a fresh reference, and networks in a batch, on one core."""
    size = QUICK if quick else Size()
    with one_thread():
        return [*_kernel(size, "fixed"), *_kernel(size, "fresh"), *networks(size.networks)]


def kernel_test(size: Size, scheme: str) -> KernelTest:
    """A kernel test on surrogate dijets at the width that the rule gives."""
    values = surrogate_events(size.pool, 0, 1, _REGION_TEV).features.astype(np.float64)
    mean, width = values.mean(0), values.std(0)
    points = (values - mean) / width
    pool = Pool(points, np.ones(len(points)), mean, width, scheme, size.reference, size.data)
    sigma = rules.kernel_width(points, pool.weights).value
    block = make_block(pool, points[: size.centres], sigma, _PENALTY, True, "cpu")
    return KernelTest(pool, ((block,),), _PENALTY)


def naive(test: KernelTest, draw: Draw) -> float:
    """Statistic t of a draw by the normal equations of the centres."""
    pool, basis = test.pool, test.blocks[0][0].basis
    rows, centres = reference_rows(pool, draw), tensor(basis.centres)
    data = np.concatenate([pool.points[draw.rows], draw.points])
    x = tensor(np.concatenate([pool.points[rows], data]))
    is_data = torch.arange(len(x)) >= len(rows)
    w = torch.where(is_data, 1.0, len(data) / len(rows)).double()
    sign = torch.where(is_data, 1.0, -1.0).double()
    k = gaussian(x, centres, basis.sigma)
    norm = gaussian(centres, centres, basis.sigma)
    left = (k * (w / 4)[:, None]).T @ k + len(x) * test.penalty * norm
    left += 1e-12 * left.diagonal().max() * torch.eye(len(centres), dtype=torch.float64)
    f = k @ torch.linalg.solve(left, k.T @ (sign * w / 2))
    return float(2 * (f[is_data].sum() - (w * f.expm1())[~is_data].sum()))


def _kernel(size: Size, scheme: str) -> list[Measurement]:
    test = kernel_test(size, scheme)
    draws = [draw_toy(test.pool, seed) for seed in range(size.toys)]
    values = test.values(draws)[:, 0]
    ours, theirs, differences = [], [], []
    for run in range(size.runs):
        ours.append(cpu_s(partial(_toys, test, size.toys)) / size.toys)
        began = time.process_time()
        differences.append(abs(naive(test, draws[run]) - float(values[run])))
        theirs.append(time.process_time() - began)
    seconds, least = _TARGETS[scheme]
    rank = test.blocks[0][0].basis.rank
    middle = statistics.median(ours), statistics.median(theirs)
    detail = f"{middle[0]:.3f} against {middle[1]:.1f} s"
    ratios = [their / our for their, our in zip(theirs, ours, strict=True)]
    name = f"kernel toy, {scheme} reference of {size.reference}, {size.data} data, rank {rank}"
    return [
        measured(name, ratios, "naive solve", least, detail),
        measured(name, [seconds / own for own in ours], f"{seconds:g} s on one core", 1.0),
        _difference(name, differences),
    ]


def _difference(name: str, differences: list[float]) -> Measurement:
    """The worst toy is what counts, not the median one."""
    worst = max(differences)
    what = f"|dt| = {_MOST_DIFFERENCE:g} from the naive solve"
    detail = f"largest |dt| of {len(differences)} toys {worst:.2g}"
    return measured(f"t of a {name}", [_MOST_DIFFERENCE / max(worst, 1e-12)], what, 1.0, detail)


def _toys(test: KernelTest, count: int) -> Floats:
    return test.values([draw_toy(test.pool, seed) for seed in range(count)])
