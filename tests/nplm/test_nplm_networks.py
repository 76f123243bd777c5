"""Packed networks against automatic differentiation, and one toy against many."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from nplm_toys import exponential, normal_4d
from scipy import stats

from raysearch.errors import InputError
from raysearch.nplm.likelihood import Samples, point
from raysearch.nplm.models import Model
from raysearch.nplm.networks import Shape
from raysearch.nplm.neural import NeuralTest, make_samples, tuned_clip
from raysearch.nplm.nuisances import Nuisance, normalisation
from raysearch.nplm.pool import Pool, draw_toy
from raysearch.nplm.train import train

SHAPES = [Shape((1, 4, 1)), Shape((4, 5, 3, 1))]


def pool_of(d, n_nuisances=0, n_data=200):
    """A fine grid with weights in one dimension: a reference that hardly fluctuates."""
    sampler = exponential if d == 1 else normal_4d
    if d == 1:
        x = np.linspace(0, 12, 900)[:, None]
        weights = np.exp(-x[:, 0])
    else:
        x, weights = np.random.default_rng(0).normal(size=(900, d)), np.ones(900)
    one = np.ones(d)
    mean = one if d == 1 else 0 * one
    shared = (mean, one, "sampler", len(x), n_data, float(n_data), sampler, n_nuisances)
    return Pool(x - mean, weights / weights.mean(), *shared)


def parameters(shape, toys=3):
    return shape.initial(range(toys)) * 1.7 + 0.1


def loss(model, parameters, samples):
    """The formula as published, with the constraint of the nuisances, for each toy."""
    reference = samples.reference.expand(len(parameters), -1, -1)
    nuisances, off = parameters[:, model.n_weights :], 0
    if model.is_shape:
        shift = replace(model, shape=None).output(nuisances, reference)
        off = ((samples.weights * shift.exp()).sum(2) / samples.weights.sum(2)).log()[:, None]
    expected = (samples.weights * (model.output(parameters, reference) - off).expm1()).sum((1, 2))
    seen = (samples.counts * (model.output(parameters, samples.data) - off)).sum((1, 2))
    return expected - seen + (nuisances * (nuisances / 2 - samples.auxiliary)).sum(1)


def tilt(points):
    return points[:, 0] / 3


@pytest.mark.parametrize("is_shape", [False, True])
@pytest.mark.parametrize("shape", [*SHAPES, None])
def test_loss_and_derivatives_are_those_of_autograd(shape, is_shape):
    pool = pool_of(shape.sizes[0] if shape else 1, n_nuisances=1)
    nuisances = (Nuisance("tilt", 0.4, (tilt,)) if is_shape else normalisation(0.1),)
    samples = make_samples(pool, [draw_toy(pool, k) for k in range(3)], nuisances, "cpu")
    model = Model(shape, ((0, 1),), 1, is_shape)
    weights = parameters(shape) if shape else torch.zeros(3, 0, dtype=torch.float64)
    p = torch.cat([weights, torch.full((3, 1), 0.3, dtype=torch.float64)], 1)
    p.requires_grad_()
    (expected,) = torch.autograd.grad(loss(model, p, samples).sum(), p)
    found = point(model, p.detach(), samples)
    torch.testing.assert_close(found.loss, loss(model, p.detach(), samples))
    torch.testing.assert_close(found.gradient, expected, rtol=1e-9, atol=1e-9)
    assert (torch.linalg.eigvalsh(found.curvature) > -1e-9).all()


def jacobian(shape, p, x):
    out = torch.full((len(p), shape.n_parameters, x.shape[2]), math.nan, dtype=p.dtype)
    shape.jacobian(p, shape.values(p, x), out)
    return out


@pytest.mark.parametrize("shape", SHAPES)
def test_the_jacobian_is_that_of_autograd(shape):
    x = torch.randn(3, shape.sizes[0], 7, dtype=torch.float64)
    p = parameters(shape)
    found = jacobian(shape, p, x)
    for toy in range(3):
        one = torch.autograd.functional.jacobian(
            lambda q, toy=toy: shape.values(q[None], x[toy : toy + 1])[-1][0, 0], p[toy]
        )
        torch.testing.assert_close(found[toy], one.T)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_gradient_is_the_jacobian_times_the_outer_derivatives(shape):
    x = torch.randn(3, shape.sizes[0], 7, dtype=torch.float64)
    outer, p = torch.randn(3, 1, 7, dtype=torch.float64), parameters(shape)
    values = shape.values(p, x)
    expected = torch.bmm(jacobian(shape, p, x), outer.transpose(1, 2))[..., 0]
    torch.testing.assert_close(shape.gradient(p, values, outer), expected)


def test_toys_of_one_reference_share_it():
    """Where expectations differ only the weights are one for each toy; t is the same."""
    pool = pool_of(1)
    draws = [draw_toy(pool, seed) for seed in range(3)]
    samples = make_samples(pool, draws, (), "cpu")
    assert len(samples.reference) == len(samples.weights) == 1
    assert samples.take(torch.tensor([0, 2])).reference.data_ptr() == samples.reference.data_ptr()
    shapes = replace(pool, expected=None)
    more = draws[0]._replace(points=draws[0].points[:-5])
    mixed = make_samples(shapes, [draws[0], more], (), "cpu")
    assert (len(mixed.reference), len(mixed.weights)) == (1, 2)
    test = NeuralTest(shapes, (4,), 9.0, 20, 1)
    together = test.values([draws[0], more])
    apart = np.concatenate([test.values([draw]) for draw in (draws[0], more)])
    np.testing.assert_allclose(together, apart, rtol=0, atol=1e-9)


def test_chunks_that_few_toys_reach_change_nothing():
    """Data of very different number: each toy as if the others were not there."""
    pool = replace(pool_of(1), expected=None)
    rng = np.random.default_rng(4)
    draw = draw_toy(pool, 0)
    of = [draw._replace(points=rng.exponential(size=(n, 1)) - 1) for n in (300, 2500, 1000, 1100)]
    test = NeuralTest(pool, (4,), 9.0, 25, 1)
    apart = np.concatenate([test.values([one]) for one in of])
    np.testing.assert_allclose(test.values(of), apart, rtol=0, atol=1e-9)
    model, samples = Model(SHAPES[0]), make_samples(pool, of, (), "cpu")
    p = SHAPES[0].initial(range(4)).requires_grad_()
    (expected,) = torch.autograd.grad(loss(model, p, samples).sum(), p)
    torch.testing.assert_close(point(model, p.detach(), samples).gradient, expected)
    assert (torch.bincount((samples.counts.sum((1, 2)) > 1024).long()) == 2).all()


def test_samples_are_copied_only_when_the_batch_shrinks_notably(monkeypatch):
    copies, take = [], Samples.take
    monkeypatch.setattr(Samples, "take", lambda s, toys: copies.append(len(toys)) or take(s, toys))
    pool = pool_of(1)
    samples = make_samples(pool, [draw_toy(pool, k) for k in range(12)], (), "cpu")
    train(Model(SHAPES[0]), SHAPES[0].initial(range(12)), samples, 3.0, 300)
    assert 0 < len(copies) <= 10
    assert all(more >= less for more, less in pairwise(copies))


def test_sizes_and_starts():
    assert [shape.n_parameters for shape in SHAPES] == [13, 25 + 18 + 4]
    first = SHAPES[0].initial([3, 4])
    assert torch.equal(first[1], SHAPES[0].initial([4])[0])
    assert first.abs().max() <= math.sqrt(6 / 5)


def test_training_lowers_the_loss_within_the_bound():
    pool = pool_of(1)
    samples = make_samples(pool, [draw_toy(pool, k) for k in range(4)], (), "cpu")
    model = Model(SHAPES[0])
    start = SHAPES[0].initial(range(4))
    losses = []
    for steps in (0, 5, 40):
        found, least = train(model, start, samples, 3.0, steps)
        assert found.abs().max() <= 3
        torch.testing.assert_close(least, loss(model, found, samples))
        losses.append(least)
    assert (losses[1] < losses[0]).all()
    assert (losses[2] < losses[1]).all()
    assert (losses[2] <= 0).all()


def test_batches_do_not_change_t():
    pool = pool_of(1)
    test = NeuralTest(pool, (4,), 9.0, 40, 2)
    draws = [draw_toy(pool, seed) for seed in range(6)]
    together = test.values(draws)
    assert (together >= 0).all()
    for size in (1, 2, 4):
        parts = [test.values(draws[k : k + size]) for k in range(0, 6, size)]
        np.testing.assert_allclose(np.concatenate(parts), together, rtol=0, atol=1e-9)


def test_a_bump_is_found_where_it_is():
    pool = pool_of(1)
    draw = draw_toy(pool, 1)
    bump = np.random.default_rng(0).normal(5.0, 0.1, (25, 1)) - 1
    with_bump = draw._replace(points=np.concatenate([draw.points, bump]))
    test = NeuralTest(pool, (4,), 9.0, 60, 1)
    assert test.values([with_bump])[0, 0] > test.values([draw])[0, 0] + 20
    f = test.log_ratio(with_bump, np.array([[4.0], [-0.5]]), 0)
    assert f[0] > 1 > abs(f[1])


def test_a_looser_bound_is_found_for_a_larger_mean():
    pool = pool_of(1)
    draws = [draw_toy(pool, seed) for seed in range(5)]
    test = NeuralTest(pool, (1,), 1.0, 30, 1)
    clip, mean, error = tuned_clip(test, draws, 0.5, 50.0, 4)
    assert 0.5 < clip < 50
    t = NeuralTest(pool, (1,), clip, 30, 1).values(draws)
    assert mean == t.mean()
    assert error == pytest.approx(stats.sem(t[:, 0]))
    narrow, wide = (NeuralTest(pool, (1,), c, 30, 1).values(draws).mean() for c in (0.5, 50.0))
    assert narrow < wide
    with pytest.raises(
        InputError, match=r"between 0\.1 and 0\.2 must give null toys a mean t of 4"
    ):
        tuned_clip(test, draws, 0.1, 0.2, 3)
