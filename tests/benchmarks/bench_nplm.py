"""The published one-dimensional benchmark of the two-sample test, and its p-values under the null.

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_nplm.py [PART ...]

Parts: published, neural, systematics, null.

References:
    Learning new physics efficiently with nonparametric methods (Letizia et al., 2022),
    arXiv:2204.02317
    Learning multivariate new physics (d'Agnolo et al., 2021), arXiv:1912.12155
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from scipy import stats

from raysearch.benchmarks.measurement import verdict
from raysearch.benchmarks.networks import exponential, exponential_networks
from raysearch.nplm import rules
from raysearch.nplm.blocks import make_block
from raysearch.nplm.imperfect import make_imperfect
from raysearch.nplm.nuisances import Nuisance, normalisation
from raysearch.nplm.pool import Draw, Pool, draw_toy
from raysearch.nplm.statistic import KernelTest, Statistic, t_of
from raysearch.nplm.work import BATCH_TOYS, toy_seed
from raysearch.threads import one_thread

PENALTY, CENTRES = 1e-6, 1000
PUBLISHED_TOYS = 4000
# Medians of t in these toys of arXiv:2204.02317, by kernel width: null and signal.
PUBLISHED = {0.7: (12.8, 29.3), 1.4: (7.8, 19.5), 2.3: (5.5, 14.2), 9.0: (2.4, 6.2)}
CLIP, STEPS, STARTS = 9.0, 300, 12
# Degrees of freedom that the published neural benchmark quotes: its weights and biases.
WEIGHTS = 13
# Standard errors by which a figure may differ, and what "near 13" means for any number of toys.
NEAR, NEAR_13 = 3.0, 1.0


def published(toys: int = 300, sets: int = 4) -> None:
    """Medians of t in the exponential benchmark minus the published ones, in standard errors."""
    for sigma in PUBLISHED:
        _published(sigma, toys, sets)


def _published(sigma: float, toys: int, sets: int) -> None:
    found: dict[str, list[np.ndarray]] = {"null": [], "signal": []}
    for k in range(sets):
        test = _exponential_test(sigma, k)
        for name, n_signal in (("null", 0), ("signal", 10)):
            draws = [_exponential_draw(test.pool, n_signal, 10_000 * k + j) for j in range(toys)]
            found[name].append(test.values(draws)[:, 0])
    for name, expected in zip(found, PUBLISHED[sigma], strict=True):
        _compare(f"{name} median of t, sigma {sigma:g}", found[name], expected)


def _exponential_test(sigma: float, k: int) -> KernelTest:
    x = np.random.default_rng([7, k]).exponential(size=(200_000, 1))
    one = np.ones(1)
    pool = Pool(x, np.ones(len(x)), 0 * one, one, "sampler", len(x), 2000, 2000.0, exponential)
    return KernelTest(
        pool, ((make_block(pool, x[:CENTRES], sigma, PENALTY, True, "cpu"),),), PENALTY
    )


def _exponential_draw(pool: Pool, n_signal: int, seed: int) -> Draw:
    rng = np.random.default_rng([seed, n_signal])
    bump = rng.normal(6.4, 0.16, size=(rng.poisson(n_signal), 1))
    draw = draw_toy(pool, seed)
    return draw._replace(points=np.concatenate([draw.points, bump]))


def _compare(name: str, sets: list[np.ndarray], expected: float) -> None:
    t = np.concatenate(sets)
    median, medians = float(np.median(t)), [float(np.median(s)) for s in sets]
    # Toys fluctuate, and so do references with their centres, of which there are few.
    of_toys = 1.2533 * t.std() / np.sqrt(len(t))
    of_sets = statistics.stdev(medians) / np.sqrt(len(sets)) if len(sets) > 1 else 0.0
    # The published median has the error of its own toys.
    of_published = 1.2533 * t.std() / np.sqrt(PUBLISHED_TOYS)
    error = float(np.hypot(max(of_toys, of_sets), of_published))
    deviation, by_toys = abs(median - expected) / error, float(np.hypot(of_toys, of_published))
    verdict(
        f"{name}: {median:.2f} +- {error:.2f}, published {expected}, {deviation:.1f} standard "
        f"errors, at most {NEAR:g}; {abs(median - expected) / by_toys:.1f} of the {by_toys:.2f} "
        f"that toys alone have, {len(t)} here and {PUBLISHED_TOYS} there",
        deviation <= NEAR,
    )


def neural(toys: int = 400, batch: int = BATCH_TOYS) -> None:
    """Mean t of null toys of networks [1, 4, 1], and how like a chi2 they are.

    The reference is a grid of 1024 weighted points: the exact density, which does not fluctuate.
    """
    test = exponential_networks(CLIP, STEPS, STARTS)
    draws = [draw_toy(test.pool, seed) for seed in range(toys)]
    parts = range(0, toys, batch)
    t = np.concatenate([test.values(draws[k : k + batch])[:, 0] for k in parts])
    error = t.std(ddof=1) / np.sqrt(toys)
    p = stats.kstest(t, stats.chi2(WEIGHTS).cdf).pvalue
    verdict(
        f"neural, exact reference: mean t of {toys} null toys {t.mean():.2f} +- {error:.2f}, "
        f"expected {WEIGHTS}",
        abs(t.mean() - WEIGHTS) <= max(NEAR * error, NEAR_13),
    )
    print(f"neural: variance {t.var(ddof=1):.1f}, of the chi2 {2 * WEIGHTS}; KS p = {p:.3g}")


def systematics(toys: int = 200, batch: int = BATCH_TOYS) -> None:
    """Mean tau minus mean Delta of null toys: that of t without nuisances, whatever these are."""
    scale = Nuisance("scale", 0.05, (_scale_1, _scale_2))
    both = (scale, normalisation(0.05))
    plain = exponential_networks(CLIP, STEPS, STARTS)
    pool = replace(plain.pool, n_nuisances=2)
    test = replace(plain, pool=pool, nuisances=both)
    _systematics("neural", test, (float(WEIGHTS), 0.0), toys, batch)
    for sigma in PUBLISHED:
        kernel = _exponential_test(sigma, 0)
        t = kernel.values([draw_toy(kernel.pool, seed) for seed in range(toys)])[:, 0]
        pool = replace(kernel.pool, n_nuisances=2)
        imperfect = make_imperfect(pool, kernel.blocks[0], PENALTY, both)
        expected = float(t.mean()), float(t.std(ddof=1) / np.sqrt(toys))
        _systematics(f"kernel, sigma {sigma:g}", imperfect, expected, toys, batch)


def _systematics(
    name: str, test: Statistic, expected: tuple[float, float], toys: int, batch: int
) -> None:
    draws = [draw_toy(test.pool, seed) for seed in range(toys)]
    parts = np.concatenate([test.parts(draws[k : k + batch]) for k in range(0, toys, batch)])
    t, (tau, delta) = t_of(parts)[:, 0], parts.mean(axis=0)
    error = float(np.hypot(t.std(ddof=1) / np.sqrt(toys), expected[1]))
    print(f"systematics, {name}: mean tau {tau:.2f}, mean Delta {delta:.2f} of {toys} null toys")
    verdict(
        f"systematics, {name}: mean tau - mean Delta {t.mean():.2f} +- {error:.2f}, expected "
        f"{expected[0]:.2f}",
        abs(t.mean() - expected[0]) <= max(NEAR * error, NEAR_13),
    )


def _scale_1(points: np.ndarray) -> np.ndarray:
    """First Taylor term of the log ratio if e^-x becomes e^-nu exp(-x e^-nu)."""
    return points[:, 0] - 1


def _scale_2(points: np.ndarray) -> np.ndarray:
    return -points[:, 0] / 2


def null(dims: Sequence[int] = (1, 4, 8), tests: int = 500, toys: int = 1000) -> None:
    """KS test of the t of independent samples of the null against the t of toys.

    One kernel width, centres and penalty as given, without the interface. Counted p-values of the
    samples are uniform where the two are alike.
    """
    for d in dims:
        _null(d, tests, toys)


def _null(d: int, tests: int, toys: int, n_data: int = 1000) -> None:
    rng = np.random.default_rng(d)
    x = rng.normal(size=(40_000, d))
    one = np.ones(d)
    pool = Pool(x, np.ones(len(x)), 0 * one, one, "fresh", 38_000, n_data, n_kept=300)
    sigma = rules.kernel_width(x, pool.weights).value
    test = KernelTest(pool, ((make_block(pool, x[:300], sigma, 1e-5, True, "cpu"),),), 1e-5)
    t = np.concatenate(
        [
            test.values([draw_toy(pool, toy_seed(1, None, k)) for k in range(start, start + 50)])
            for start in range(0, toys, 50)
        ]
    )[:, 0]
    empty = np.zeros(0, np.int64)
    seen = [
        draw_toy(pool, 10**9 + k)._replace(rows=empty, points=rng.normal(size=(n_data, d)))
        for k in range(tests)
    ]
    observed = np.concatenate([test.values(seen[k : k + 50]) for k in range(0, tests, 50)])[:, 0]
    # All p are counted among the same toys. They are as uniform as tests and toys are alike: a test
    # of the p-values against exact uniformity would take the toys' own fluctuation for a bias.
    p = float(stats.ks_2samp(observed, t).pvalue)
    print(f"d = {d}: mean t of toys {t.mean():.2f}, of tests {observed.mean():.2f}")
    what = f"{tests} t of independent samples against {toys} of toys, one width"
    verdict(f"d = {d}: two-sample KS p of {what}: {p:.3f}, at least .05", p > 0.05)


PARTS: dict[str, Callable[[], None]] = {
    "published": published,
    "neural": neural,
    "systematics": systematics,
    "null": null,
}


def main() -> None:
    """Print the parts asked for."""
    with one_thread():
        for part in sys.argv[1:] or PARTS:
            PARTS[part]()


if __name__ == "__main__":
    main()
