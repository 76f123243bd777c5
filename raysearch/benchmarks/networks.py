"""CPU seconds of small networks, many toys trained as one against one network at a time.

Networks [1, 4, 1] on the exponential of the published benchmark. One at a time, the same training
without the second copy that a lone network has for the sake of equal rounding; and what published
programs do, a step of Adam on the gradient of automatic differentiation, as often as it takes to
come near the same loss, but at most so many times, which makes that ratio a lower bound.

References:
    Learning multivariate new physics (d'Agnolo et al., 2021), arXiv:1912.12155
    Adam: a method for stochastic optimization (Kingma & Ba, 2015)
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from raysearch.benchmarks.measurement import Measurement, cpu_s, measured
from raysearch.nplm.arrays import Floats
from raysearch.nplm.likelihood import Samples
from raysearch.nplm.models import Model
from raysearch.nplm.neural import NeuralTest, make_samples
from raysearch.nplm.pool import Draw, Pool, draw_toy
from raysearch.nplm.train import train
from raysearch.seeds import number

TARGET = 5.0
_CLIP, _STARTS, _ALONE = 9.0, 1, 5
# Points of the reference, equally far apart up to where e^-x leaves 2e-3 of 2000 events.
_GRID, _FAR = 1024, 14.0
# Adam has come near where t is below the other by less; its rate is the published program's.
_NEAR, _RATE = 0.5, 1e-3


class Networks(NamedTuple):
    """Networks at once, their steps, steps of Adam at most, runs."""

    batch: int = 25
    steps: int = 40
    most_of_adam: int = 1000
    runs: int = 3


def networks(size: Networks) -> list[Measurement]:
    """Ratios to both ways of training one at a time; the target stands beside the better way."""
    test = exponential_networks(_CLIP, size.steps, _STARTS)
    draws = [draw_toy(test.pool, seed) for seed in range(size.batch)]
    values = test.values(draws)[:, 0]
    alone, published = [], []
    for run in range(size.runs):
        batch = cpu_s(partial(test.values, draws)) / size.batch
        one = cpu_s(lambda: [_alone(test, draw) for draw in draws[:_ALONE]]) / _ALONE
        draw, aim = draws[run % size.batch], float(values[run % size.batch])
        alone.append(one / batch)
        published.append(cpu_s(partial(_adam, test, draw, aim, size.most_of_adam)) / batch)
    reference = f"reference a grid of {_GRID} weighted points"
    name = f"networks [1, 4, 1], {reference}, {size.batch} toys in a batch"
    worst = float(np.median(alone)) <= float(np.median(published))
    return [
        measured(name, alone, "one network at a time", TARGET if worst else None),
        measured(name, published, "autograd and Adam, one network", None if worst else TARGET),
    ]


def exponential_networks(clip: float, steps: int, starts: int) -> NeuralTest:
    """The neural test of the published benchmark; its reference is a fine grid with weights."""
    x = ((np.arange(_GRID) + 0.5) / _GRID * _FAR)[:, None]
    w = np.exp(-x[:, 0])
    one = np.ones(1)
    pool = Pool(x - 1, w / w.mean(), one, one, "sampler", _GRID, 2000, 2000.0, exponential)
    return NeuralTest(pool, (4,), clip, steps, starts)


def exponential(rng: np.random.Generator, n: int) -> Floats:
    """The reference of the published benchmark."""
    return rng.exponential(size=(n, 1))


def _alone(test: NeuralTest, draw: Draw) -> Tensor:
    start, samples = _begin(test, draw)
    return train(Model(test.shape), start, samples, test.clip, test.steps, fewest=1)[1]


def _adam(test: NeuralTest, draw: Draw, aim: float, most: int) -> int:
    """Steps until t is near the aim; weights are clipped after each, as published."""
    start, samples = _begin(test, draw)
    parameters, model = start.requires_grad_(), Model(test.shape)
    adam = torch.optim.Adam([parameters], lr=_RATE)
    for step in range(most):
        value = _loss(model, parameters, samples)
        if -2 * value.item() > aim - _NEAR:
            return step
        parameters.grad = torch.autograd.grad(value, parameters)[0]
        adam.step()
        with torch.no_grad():
            parameters.clamp_(-test.clip, test.clip)
    return most


def _loss(model: Model, parameters: Tensor, samples: Samples) -> Tensor:
    """As published, in one expression for automatic differentiation; one toy."""
    of_reference = model.output(parameters, samples.reference).expm1() * samples.weights
    return of_reference.sum() - (model.output(parameters, samples.data) * samples.counts).sum()


def _begin(test: NeuralTest, draw: Draw) -> tuple[Tensor, Samples]:
    seeds = [number(draw.seed, "nplm network", 0)]
    return test.shape.initial(seeds), make_samples(test.pool, [draw], (), "cpu")
