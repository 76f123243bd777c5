"""tau - Delta: closed forms, and a shifted truth that the nuisances account for."""

import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from nplm_toys import exponential, kernel_test, points
from scipy.optimize import minimize_scalar

from raysearch.errors import InputError
from raysearch.nplm.chain import run_chain
from raysearch.nplm.imperfect import make_imperfect
from raysearch.nplm.models import model_of
from raysearch.nplm.neural import NeuralTest, fit_nuisances, make_samples
from raysearch.nplm.nuisances import Nuisance, check_terms, normalisation, term_table
from raysearch.nplm.pool import Pool, draw_toy, reference_rows
from raysearch.nplm.question import Question
from raysearch.nplm.settings import NplmSettings
from raysearch.nplm.tensors import tensor
from raysearch.nplm.work import serial

N_DATA = 500


def scale_1(points):
    return points[:, 0] - 1


def scale_2(points):
    return -points[:, 0] / 2


# e^-x becomes e^-nu exp(-x e^-nu): the log ratio is (x - 1) nu - x nu^2 / 2 + ...
SCALE = Nuisance("scale", 0.05, (scale_1, scale_2))


def tilt(points):
    return points[:, 0] / 10


# e^-x becomes (1 - nu/10) exp(-x (1 - nu/10)): only with its normalisation this is a density.
TILT = Nuisance("tilt", 0.4, (tilt,))


@pytest.fixture(scope="module")
def pool():
    return pool_of(1.0)


def pool_of(rate):
    """A reference with density exp(-rate x); its sampler is that of exp(-x)."""
    x = np.random.default_rng(0).permutation(np.linspace(0, 12, 3000))[:, None]
    weights, one = np.exp(-rate * x[:, 0]), np.ones(1)
    shared = ("sampler", len(x), N_DATA, float(N_DATA), exponential)
    return Pool(x - 1, weights / weights.mean(), one, one, *shared, n_nuisances=1)


def draws(pool, n=30):
    return [draw_toy(pool, seed) for seed in range(n)]


def imperfect(pool, nuisances):
    test = kernel_test(pool)
    return make_imperfect(pool, test.blocks[0], test.penalty, nuisances)


def test_delta_of_a_normalisation_is_a_counting_experiment(pool):
    width = 0.1
    of = draws(pool, 5)
    counting = (normalisation(width),)
    samples = make_samples(pool, of, counting, "cpu")
    nu, loss = fit_nuisances(model_of(None, counting, pool.expected), samples)
    for k, draw in enumerate(of):
        n, a = draw.n_data, draw.auxiliary[0]

        def minus(u, n=n, a=a):
            return N_DATA * np.expm1(width * u) - n * width * u + u**2 / 2 - u * a

        best = minimize_scalar(minus, bounds=(-9, 9), options={"xatol": 1e-10}, method="bounded")
        assert float(nu[k, 0]) == pytest.approx(best.x, abs=1e-5)
        assert float(loss[k]) == pytest.approx(best.fun, abs=1e-8)


@pytest.mark.parametrize("expected", [float(N_DATA), None])
def test_the_mean_of_delta_is_the_number_of_nuisances(pool, expected):
    pool = replace(pool, expected=expected)
    samples = make_samples(pool, draws(pool, 200), (TILT,), "cpu")
    values = -2 * fit_nuisances(model_of(None, (TILT,), expected), samples)[1].numpy()
    # At the truth twice the log likelihood ratio follows a chi2 with one degree of freedom.
    assert values.mean() == pytest.approx(1, abs=4 * np.sqrt(2 / 200))


def test_without_nuisances_t_is_that_of_the_perfect_reference(pool):
    of = [draw._replace(auxiliary=np.zeros(0)) for draw in draws(pool, 4)]
    found = imperfect(pool, ()).values(of)
    np.testing.assert_allclose(found, kernel_test(pool).values(of), rtol=1e-8)


def test_a_shift_within_the_uncertainty_is_accounted_for(pool):
    """Data and auxiliary measurement at nu = 3 widths: t stays as under the null."""
    test, plain = imperfect(pool, (SCALE,)), kernel_test(pool)
    null = draws(pool, 25)
    nu = 3 * SCALE.width
    shifted = [
        d._replace(points=(d.points + 1) * np.exp(nu) - 1, auxiliary=d.auxiliary + 3) for d in null
    ]
    t_null, t_shifted = test.values(null)[:, 0], test.values(shifted)[:, 0]
    assert t_null.min() > -0.5
    error = np.hypot(t_null.std(), t_shifted.std()) / 5
    assert abs(t_shifted.mean() - t_null.mean()) < 3 * error
    assert plain.values(shifted)[:, 0].mean() > t_shifted.mean() + 5


@pytest.mark.parametrize("method", ["kernel", "neural"])
def test_a_test_of_shapes_accounts_for_a_shift_that_changes_the_number_of_events(pool, method):
    """Without an expectation the number of data says nothing about a term that is not centred."""
    pool, n = replace(pool, expected=None), 25 if method == "kernel" else 12
    null = draws(pool, n)
    shifted = tilted(null, 3)
    test = imperfect(pool, (TILT,))
    if method == "neural":
        test = NeuralTest(pool, (4,), 9.0, 60, 1, (TILT,))
    t_null, t_shifted = test.values(null)[:, 0], test.values(shifted)[:, 0]
    assert min(t_null.min(), t_shifted.min()) > -0.5
    error = np.hypot(t_null.std(), t_shifted.std()) / np.sqrt(n)
    assert abs(t_shifted.mean() - t_null.mean()) < 2.5 * error
    assert (test.parts(shifted)[:, -1] - test.parts(null)[:, -1]).mean() > 8


def tilted(of, widths):
    """The same draws where the truth and its auxiliary measurement are off by so many widths."""
    rate = 1 - widths * TILT.width / 10
    return [
        d._replace(points=(d.points + 1) / rate - 1, auxiliary=d.auxiliary + widths) for d in of
    ]


def test_t_is_that_against_a_reference_that_has_the_shift(pool):
    """Five widths: a reference shifted by its nuisance is as good as one made there."""
    of = draws(replace(pool, expected=None), 40)
    there = replace(pool_of(1 - 5 * TILT.width / 10), expected=None)
    data = [d._replace(auxiliary=n.auxiliary) for d, n in zip(tilted(of, 5), of, strict=True)]
    at_truth = imperfect(there, (TILT,)).values(data)
    found = imperfect(replace(pool, expected=None), (TILT,)).values(tilted(of, 5))
    assert (found - at_truth).mean() == pytest.approx(0, abs=0.3)


def dense(test, draw):
    """tau with all events and their exact weights, and Delta.

    Without an expectation log ratio and slopes lose their means over the reweighted reference.
    """
    pool, block, model = test.pool, test.blocks[0], test.model
    samples = make_samples(pool, [draw], test.nuisances, "cpu")
    alone, loss = fit_nuisances(model, samples)
    rows = reference_rows(pool, draw)
    weights = tensor(pool.weights[rows] * pool.expectation(draw) / pool.weights[rows].sum())
    of_data = np.concatenate([pool.points[draw.rows], draw.points])
    z = [block.basis.features(tensor(x)) for x in (pool.points[rows], of_data)]
    raw = [x * pool.width + pool.mean for x in (pool.points[rows], of_data)]
    terms = [tensor(term_table(test.nuisances, x).T.copy()[None]) for x in raw]
    free = pool.expected is None
    shift, slopes = model.linearised(alone, terms[0])
    reweighted, rank = weights * shift[0, 0].exp(), block.basis.rank
    if free:
        reweighted *= weights.sum() / reweighted.sum()
    off = slopes[0] @ reweighted / reweighted.sum() * free
    x = torch.cat([z[0], slopes[0].T - off], 1)
    y = torch.cat([z[1], model.linearised(alone, terms[1])[1][0].T - off], 1)
    hessian = ((x * reweighted[:, None]).T @ x + y.T @ y) / 4
    gradient = (reweighted @ x - y.sum(0)) / 2
    gradient[rank:] += (alone[0] - tensor(draw.auxiliary)) / 2
    hessian.diagonal()[:rank] += test.penalty * (len(x) + len(y))
    hessian.diagonal()[rank:] += 0.5
    step = torch.linalg.solve(hessian, -gradient)
    beta, nu = step[:rank], alone + step[rank:]
    shift = [model.output(nu, of_side)[0, 0] for of_side in terms]
    log = (weights @ shift[0].exp() / weights.sum()).log() * free
    tau = (z[1] @ beta + shift[1] - log).sum()
    tau -= weights @ (z[0] @ beta + shift[0] - log).expm1()
    tau -= (nu[0] * (nu[0] / 2 - tensor(draw.auxiliary))).sum()
    return 2 * float(tau), -2 * float(loss)


@pytest.mark.parametrize("is_shape", [False, True])
@pytest.mark.parametrize("scheme", ["sampler", "fixed", "fresh", "fresh, few"])
def test_what_toys_share_gives_the_t_of_all_events(scheme, is_shape, pool):
    """Third orders are left out of one step: t moves by hundredths at shifts of three widths."""
    if scheme != "sampler":
        size = 1000 if "few" in scheme else 2000
        x = np.random.default_rng(1).exponential(size=(3000, 1)) - 1
        shared = (np.ones(1), np.ones(1), scheme.split(",")[0], size, 300, 300.0, None, 2)
        pool = Pool(x, np.ones(3000), *shared)
    else:
        pool = replace(pool, n_nuisances=2)
    if is_shape:
        pool = replace(pool, expected=None)
    test = imperfect(pool, (SCALE, TILT if is_shape else normalisation(0.1)))
    of = draws(pool, 3)
    of.append(of[0]._replace(auxiliary=np.array([3.0, -2.0])))
    found = test.parts(of)
    np.testing.assert_allclose(found, [dense(test, draw) for draw in of], atol=0.05)
    one_by_one = np.concatenate([test.parts([draw]) for draw in of])
    np.testing.assert_allclose(one_by_one, found, rtol=0, atol=1e-9)


def test_a_bump_is_no_nuisance(pool):
    draw = draws(pool, 1)[0]
    bump = np.random.default_rng(0).normal(5.0, 0.1, (15, 1)) - 1
    found = draw._replace(points=np.concatenate([draw.points, bump]))
    test = imperfect(pool, (SCALE,))
    assert test.values([found])[0, 0] > test.values([draw])[0, 0] + 15
    assert test.log_ratio(found, np.array([[4.0]]), 0)[0] > 0.5


def test_the_neural_t_is_tau_minus_delta(pool):
    of = draws(pool, 3)
    test = NeuralTest(pool, (4,), 9.0, 40, 1, (SCALE,))
    t = test.values(of)[:, 0]
    # The networks add to what nuisances alone gain; a start that stays at f = 0 gains nothing.
    assert (t > -1e-6).all()
    parts = np.concatenate([test.values([draw]) for draw in of])[:, 0]
    np.testing.assert_allclose(parts, t, rtol=0, atol=1e-9)


def test_impossible_nuisances_are_refused():
    with pytest.raises(InputError, match="a positive width and at least one term"):
        Nuisance("scale", 0.0, (scale_1,))
    with pytest.raises(InputError, match="one finite number per point"):
        term_table((Nuisance("scale", 1.0, (lambda x: x,)),), np.zeros((3, 1)))


def test_terms_come_in_units_of_the_width():
    table = term_table((SCALE, normalisation(0.2)), np.array([[3.0]]))
    np.testing.assert_allclose(table, [[2 * 0.05, -1.5 * 0.05**2, 0.2]])


def test_a_normalisation_needs_an_expectation():
    rows = np.random.default_rng(0).normal(size=(50, 1))
    check_terms((normalisation(0.1),), rows, 100.0)
    check_terms((SCALE,), rows, None)
    with pytest.raises(InputError, match="'normalisation' has one; give --expected"):
        check_terms((SCALE, normalisation(0.1)), rows, None)


@pytest.mark.parametrize("method", ["kernel", "neural"])
def test_tau_and_delta_of_each_toy_are_kept(method, tmp_path):
    rng = np.random.default_rng(0)
    samples = {
        "data": points(rng.normal(size=(60, 1))),
        "reference": points(rng.normal(size=(400, 1))),
    }
    settings = NplmSettings(
        method=method, toys=20, centres=20, sigmas=(0.5, 2.0), clip=3.0, steps=3
    )
    question = Question(samples, replace(settings, starts=1), None, (SCALE,))
    result = run_chain(question, tmp_path, serial, lambda line: None)[1]
    table = pq.read_table(tmp_path / "toys.parquet").to_pydict()
    tau, delta, t = (np.array(table[name]) for name in ("tau", "delta", "t"))
    np.testing.assert_allclose(tau - delta, t, atol=1e-12)
    # Toys on disk are in the order of their seeds.
    in_file = result.toy_delta[np.argsort(result.toy_seeds)]
    np.testing.assert_array_equal(delta[:: result.toy_t.shape[1]], in_file)
    assert (result.toy_delta > -1e-9).all()
    told = json.loads((tmp_path / "nplm.json").read_text())["systematics"]
    assert told["delta"] == result.delta
    assert told["mean_delta"]["value"] == pytest.approx(result.toy_delta.mean())
    again = run_chain(question, tmp_path, lambda jobs: iter(()), lambda line: None)[1]
    np.testing.assert_array_equal(again.toy_t, result.toy_t)
