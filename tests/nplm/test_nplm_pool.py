"""Draws: disjoint, of the right size, and a function of the seed alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nplm_toys import exponential, kernel_test, points, pool

from raysearch.errors import InputError
from raysearch.nplm.pool import (
    Pool,
    check_sampler,
    draw_observed,
    draw_toy,
    most_of_poisson,
    pool_spread,
    reference_rows,
)
from raysearch.nplm.prepare import make_pool, make_statistic
from raysearch.nplm.settings import NplmSettings

SCHEMES = [("fixed", 3000), ("fresh", 3500), ("fresh", 1000)]


@pytest.mark.parametrize(("scheme", "n_reference"), SCHEMES)
@settings(max_examples=20)
@given(seed=st.integers(0, 2**63 - 1), n_kept=st.sampled_from([0, 1, 400, 1000]))
def test_reference_and_data_are_disjoint(scheme, n_reference, seed, n_kept):
    of = pool(scheme=scheme, n_reference=n_reference, n_kept=n_kept)
    draw = draw_toy(of, seed)
    rows = reference_rows(of, draw)
    assert np.isin(np.arange(n_kept), rows).all()
    assert len(np.unique(rows)) == n_reference
    assert len(np.unique(draw.rows)) == of.n_data == draw.n_data
    assert not np.isin(draw.rows, rows).any()
    again = draw_toy(of, seed)
    assert np.array_equal(draw.rows, again.rows)
    assert np.array_equal(draw.others, again.others)


@pytest.mark.parametrize(("scheme", "n_reference"), SCHEMES)
def test_the_experiment_has_a_reference_of_the_same_size(scheme, n_reference):
    of = pool(scheme=scheme, n_reference=n_reference, n_kept=500)
    draw = draw_observed(of, np.zeros((300, 2)), 1)
    assert draw.n_data == 300
    rows = reference_rows(of, draw)
    assert len(rows) == n_reference
    assert np.isin(np.arange(500), rows).all()


@pytest.mark.parametrize(("sets", "expected"), [(1, None), (3, None), (2, 100.0)])
def test_no_centre_is_an_event_of_a_toy(sets, expected):
    """As of the experiment: its data are no centres either."""
    asked = NplmSettings(sigmas=(0.5,), centres=40, centre_sets=sets, expected=expected)
    of = make_pool(points(np.random.default_rng(0).normal(size=(400, 2))), 100, asked)
    test, _ = make_statistic(of, asked, (), "cpu")
    draws = [draw_toy(test.pool, seed) for seed in range(40)]
    assert min(draw.rows.min() for draw in draws) == 40 * sets
    found = np.concatenate([block.basis.centres for block in test.blocks[0]])
    np.testing.assert_array_equal(found, test.pool.points[: 40 * sets])


def test_more_centres_than_the_reference_has_are_refused():
    with pytest.raises(InputError, match="but 3001 were asked for and it has 3000"):
        pool(n_kept=3001)


def test_an_expectation_makes_the_number_of_data_fluctuate():
    of = pool(expected=300.0)
    counts = [draw_toy(of, seed).n_data for seed in range(400)]
    assert abs(np.mean(counts) - 300) < 4 * np.sqrt(300 / 400)
    assert np.var(counts) == pytest.approx(300, rel=0.3)


@pytest.mark.parametrize("scheme", ["fixed", "fresh"])
def test_toys_of_a_weighted_reference_follow_the_weights(scheme):
    weights = np.where(np.arange(4000) % 2, 1.0, 3.0)
    of = pool(scheme=scheme, weights=weights, n_reference=2000, n_data=300)
    draws = [draw_toy(of, seed) for seed in range(50)]
    assert all(draw.n_data == 300 for draw in draws)
    heavy = np.mean([weights[draw.rows] == 3 for draw in draws])
    assert heavy == pytest.approx(0.75, abs=0.02)
    kept = np.mean([weights[reference_rows(of, draw)] == 3 for draw in draws])
    assert kept == pytest.approx(0.5, abs=0.02)


def test_a_sampler_gives_the_data():
    of = pool(d=1, scheme="sampler", n_reference=4000, sampler=exponential)
    draw = draw_toy(of, 7)
    assert draw.points.shape == (300, 1)
    expected = exponential(np.random.default_rng(7), 300)
    np.testing.assert_array_equal(draw.points, expected)


def test_injected_signal_comes_from_the_signal():
    of, signal = pool(), np.full((50, 2), 9.0)
    assert (draw_toy(of, 1, signal, 20).points == 9).all()
    assert len(draw_toy(of, 1, signal, 20).points) == 20
    assert np.array_equal(draw_toy(of, 1, signal, 0).rows, draw_toy(of, 1).rows)


def test_an_expected_number_of_signal_fits_into_the_sample():
    """Poisson numbers above what was checked for are cut, and do not end the test."""
    of, most = pool(expected=300.0), most_of_poisson(1)
    counts = [len(draw_toy(of, k, np.zeros((most, 2)), 1).points) for k in range(300)]
    assert max(counts) <= most == 7
    assert np.mean(counts) == pytest.approx(1, abs=0.25)


def test_a_pool_too_small_says_what_it_has_and_needs():
    with pytest.raises(InputError, match=r"3900 \+ 300 = 4200 events, but the reference has 4000"):
        pool(n_reference=3900)


def test_a_sampler_gives_points_of_the_right_shape():
    check_sampler(exponential, 1)
    with pytest.raises(InputError, match=r"shape \(16, 2\) if asked for 16, but gave float64"):
        check_sampler(exponential, 2)
    with pytest.raises(InputError, match="must give finite points"):
        check_sampler(lambda rng, n: np.full((n, 1), np.nan), 1)


def test_a_sampler_needs_its_scheme():
    with pytest.raises(InputError, match="a sampler goes with"):
        pool(sampler=exponential)
    with pytest.raises(InputError, match="did you mean 'fixed'"):
        pool(scheme="fix")


@pytest.mark.parametrize("light", [1.0, 0.01])
def test_the_mean_t_of_a_pool_scatters_as_reported(light):
    """Data of the truth against references of many small pools: (N_D / P) sqrt(2 q) each.

    Weighted rows are as many as their effective number: of the light ones hardly any counts.
    """
    rng, q = np.random.default_rng(3), 8
    n_data, n, shifts = 30, 1000, []
    weights = np.where(np.arange(n) < 800, light, 1.0)
    for _ in range(400):
        # t of a wide kernel in so many dimensions: N_D |mean difference|^2, in closed form.
        mean = np.average(rng.normal(size=(n, q)), axis=0, weights=weights)
        shifts.append(n_data * (mean**2).sum())
    of = pool(n=n, n_reference=500, n_data=n_data, weights=weights)
    assert np.std(shifts) == pytest.approx(pool_spread(of)[1] * np.sqrt(2 * q), rel=0.15)


def truth(rng, n, is_weighted):
    """Points of exp(-x), or of exp(-x / 2) with the weights that make up for it."""
    x = rng.exponential(1 + is_weighted, size=(n, 1))
    return x, np.exp(-x[:, 0] / 2) if is_weighted else np.ones(n)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "n_reference", "is_weighted"),
    [("fresh", 700, True), ("fresh", 400, False), ("fixed", 500, False), ("fixed", 500, True)],
)
def test_toys_of_small_pools_have_the_mean_t_of_independent_data(scheme, n_reference, is_weighted):
    """On average over pools; what each is off by is at most what it reports.

    At most, since directions that the penalty holds, in part, count less in it than in the mean.
    """
    n_data, each, pools, one = 150, 16, 80, np.ones(1)
    off, noise, reported = [], [], []
    for k in range(pools):
        rng = np.random.default_rng(k)
        x, weights = truth(rng, 1200, is_weighted)
        of = Pool(x - 1, weights / weights.mean(), one, one, scheme, n_reference, n_data, n_kept=30)
        test = kernel_test(of, centres=30, penalty=1e-4)
        toys = test.values([draw_toy(of, 1000 * k + s) for s in range(each)])[:, 0]
        data = [rng.exponential(size=(n_data, 1)) for _ in range(each)]
        t = test.values([draw_observed(of, x, 1000 * k + 500 + s) for s, x in enumerate(data)])[
            :, 0
        ]
        off.append(toys.mean() - t.mean())
        noise.append((toys.var(ddof=1) + t.var(ddof=1)) / each)
        terms = pool_spread(of)
        reported.append(toys.mean() * (terms[0] ** 2 + 2 * terms[1] ** 2))
    assert abs(np.mean(off)) < 3 * np.std(off) / np.sqrt(pools)
    between, error = np.var(off) - np.mean(noise), np.var(off) * np.sqrt(2 / pools)
    assert np.mean(reported) / 2 - 3 * error < between < np.mean(reported) + 3 * error
