"""The kernel statistic against dense solves that know nothing of bases and blocks."""

import numpy as np
import pytest
import torch
from nplm_toys import SIGMA, exponential, kernel_test, pool
from scipy.optimize import minimize

from raysearch.nplm.kernel import effective_dof, gaussian
from raysearch.nplm.pool import draw_toy, reference_rows
from raysearch.nplm.tensors import array, tensor

PENALTY = 1e-6


def sides(of, draw):
    rows = reference_rows(of, draw)
    weights = of.weights[rows] * of.expectation(draw) / of.weights[rows].sum()
    return of.points[rows], weights, np.concatenate([of.points[draw.rows], draw.points])


def dense(of, draw, centres, converge=False, penalty=PENALTY):
    """t by a plain solve over all events; directions the centres cannot resolve are left out."""
    reference, weights, data = sides(of, draw)
    x, c = tensor(np.concatenate([reference, data])), tensor(centres)
    values, vectors = np.linalg.eigh(array(gaussian(c, c, SIGMA)))
    kept = values > 1e-13 * values.max()
    k = array(gaussian(x, c, SIGMA)) @ (vectors[:, kept] / np.sqrt(values[kept]))
    is_data = np.arange(len(x)) >= len(reference)
    w = np.r_[weights, np.ones(len(data))]
    ridge = len(x) * penalty * np.eye(k.shape[1])
    a = np.zeros(k.shape[1])
    for _ in range(20 if converge else 1):
        share = 1 / (1 + np.exp(-(k @ a)))
        gradient = k.T @ (w * (share - is_data)) + ridge @ a
        hessian = (k * (w * share * (1 - share))[:, None]).T @ k + ridge
        a = a - np.linalg.solve(hessian, gradient)
    f = k @ a
    return 2 * (f[is_data].sum() - (weights * np.expm1(f[~is_data])).sum())


@pytest.mark.parametrize(
    ("scheme", "n_reference"), [("fixed", 3000), ("fresh", 3600), ("fresh", 1500)]
)
@pytest.mark.parametrize("solver", ["one-step", "converged"])
def test_t_is_that_of_the_dense_solve(scheme, n_reference, solver):
    of = pool(scheme=scheme, n_reference=n_reference)
    test = kernel_test(of, solver=solver)
    draws = [draw_toy(of, seed) for seed in range(4)]
    expected = [dense(of, d, of.points[:40], solver == "converged") for d in draws]
    np.testing.assert_allclose(test.values(draws)[:, 0], expected, atol=0.03)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("scheme", ["fixed", "fresh"])
def test_batches_do_not_change_t(scheme, keep):
    of = pool(scheme=scheme)
    test = kernel_test(of, keep=keep)
    draws = [draw_toy(of, seed) for seed in range(7)]
    together = test.values(draws)
    for size in (1, 2, 3):
        parts = [test.values(draws[k : k + size]) for k in range(0, 7, size)]
        np.testing.assert_allclose(np.concatenate(parts), together, rtol=0, atol=1e-9)
    np.testing.assert_allclose(kernel_test(of).values(draws), together, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("scheme", "n_reference"), [("fixed", 2000), ("fresh", 3000)])
def test_weights_of_the_reference_enter_as_in_the_dense_solve(scheme, n_reference):
    weights = np.where(np.random.default_rng(1).random(4000) < 0.5, 1.0, 3.0)
    of = pool(scheme=scheme, weights=weights, n_data=100, n_reference=n_reference)
    draw = draw_toy(of, 3)
    expected = dense(of, draw, of.points[:40])
    assert kernel_test(of).values([draw])[0, 0] == pytest.approx(expected, abs=0.03)


def test_without_data_or_reference_differences_t_vanishes():
    of = pool(n=2000, scheme="fixed", n_reference=1000, n_data=1000)
    draw = draw_toy(of, 0)._replace(rows=np.arange(1000))  # the data are the reference
    assert kernel_test(of).values([draw])[0, 0] == pytest.approx(0, abs=1e-12)


def test_t_of_one_very_wide_kernel_counts_events():
    """A constant f: one Newton step from 0 is 2 (N_D - N_R w) / (N_D + N_R w)."""
    of = pool(d=1, scheme="sampler", n_reference=4000, expected=300.0, sampler=exponential)
    wide = kernel_test(of, centres=1, penalty=1e-12)
    block = wide.blocks[0][0]
    flat = type(block.basis)(block.basis.centres, 1e6, np.ones((1, 1)))
    moments = {"total": np.array([4000.0]), "gram": np.array([[4000.0]])}
    flat_block = type(block)(flat, None, **moments, weight=4000.0)
    draw = draw_toy(of, 4)
    n = draw.n_data
    f = 2 * (n - 300) / (n + 300)
    test = type(wide)(of, ((flat_block,),), 1e-12)
    assert test.values([draw])[0, 0] == pytest.approx(2 * (n * f - 300 * np.expm1(f)), rel=1e-6)


def test_converged_minimises_the_loss():
    of = pool(n=900, n_reference=700, n_data=80)
    test = kernel_test(of, centres=8, penalty=1e-3, solver="converged")
    draw = draw_toy(of, 2)
    block = test.blocks[0][0]
    reference, weights, data = sides(of, draw)
    z = [array(block.basis.features(tensor(x))) for x in (reference, data)]

    def loss(beta):
        over_reference = (weights * np.logaddexp(0, z[0] @ beta)).sum()
        ridge = 0.5 * 1e-3 * (len(reference) + len(data)) * beta @ beta
        return over_reference + np.logaddexp(0, -(z[1] @ beta)).sum() + ridge

    best = minimize(loss, np.zeros(block.basis.rank), tol=1e-12).x
    expected = z[1] @ best
    t = 2 * (expected.sum() - (weights * np.expm1(z[0] @ best)).sum())
    assert test.values([draw])[0, 0] == pytest.approx(t, abs=1e-4)
    assert test.log_ratio(draw, data, 0) == pytest.approx(expected, abs=1e-4)


def test_a_larger_penalty_leaves_fewer_degrees_of_freedom():
    of = pool()
    x, w = tensor(of.points), torch.full((4000,), 300 / 4000, dtype=torch.float64)
    dof = [effective_dof(x, w, x[:40], SIGMA, penalty, 4300) for penalty in (1e-6, 1e-4, 1e9)]
    assert dof[0] > dof[1] > 1
    assert dof[2] == pytest.approx(0, abs=1e-6)


def test_the_mean_of_t_is_the_degrees_of_freedom():
    of = pool(n=20_000, n_reference=18_000, n_data=1000)
    t = kernel_test(of).values([draw_toy(of, seed) for seed in range(60)])[:, 0]
    w = torch.full((len(of.points),), 1000 / 20_000, dtype=torch.float64)
    x = tensor(of.points)
    dof = effective_dof(x, w, x[:40], SIGMA, PENALTY, 19_000)
    error = t.std() / np.sqrt(60)
    # Leading order: the reference's own fluctuation adds N_D / N_R.
    assert abs(t.mean() - dof * (1 + 1000 / 18_000)) < 4 * error + 0.1 * dof
