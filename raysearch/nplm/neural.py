"""The neural statistic: one small network for each toy, all of a batch trained as one.

References:
    Learning new physics from a machine (d'Agnolo & Wulzer, 2019), arXiv:1806.02350
    Learning multivariate new physics (d'Agnolo et al., 2021), arXiv:1912.12155
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from raysearch.errors import InputError
from raysearch.nplm.arrays import Floats
from raysearch.nplm.likelihood import CHUNK, Samples
from raysearch.nplm.models import Model, model_of
from raysearch.nplm.networks import Shape
from raysearch.nplm.nuisances import Nuisance, term_table
from raysearch.nplm.pool import FRESH, Draw, Pool, reference_rows
from raysearch.nplm.statistic import t_of
from raysearch.nplm.tensors import array, tensor
from raysearch.nplm.train import train
from raysearch.seeds import number

# The likelihood of a few nuisances is nearly a parabola: a step without gain is the end.
_NUISANCE_STEPS, _NUISANCE_PATIENCE = 50, 4


@dataclass(frozen=True, eq=False)
class NeuralTest:
    """``t = -2 min L`` over networks with bounded weights; with nuisances ``tau - Delta``.

    tau lets network and nuisances vary, Delta the nuisances alone.

    Attributes:
        pool: of the test.
        hidden: widths of the hidden layers.
        clip: bound on the size of each weight and bias.
        steps: of training, at most.
        starts: networks tried for each toy, of which the best counts.
        nuisances: systematic uncertainties of the reference.
        device: where to compute, "cpu" or "cuda".
    """

    pool: Pool
    hidden: tuple[int, ...]
    clip: float
    steps: int
    starts: int
    nuisances: tuple[Nuisance, ...] = ()
    device: str = "cpu"

    @property
    def sigmas(self) -> tuple[float | None, ...]:
        """One value of t, without a kernel width."""
        return (None,)

    @property
    def shape(self) -> Shape:
        """Of the networks."""
        return Shape((self.pool.points.shape[1], *self.hidden, 1))

    def values(self, draws: Sequence[Draw]) -> Floats:
        """(n, 1) values of t for each draw."""
        return t_of(self.parts(draws))

    def parts(self, draws: Sequence[Draw]) -> Floats:
        """(n, 2) tau and Delta of each draw."""
        samples = make_samples(self.pool, draws, self.nuisances, self.device)
        tau = -2 * self._fit(draws, samples)[1]
        delta = -2 * fit_nuisances(self._model(None), samples)[1]
        return array(torch.stack([tau, delta], dim=1))

    def log_ratio(self, draw: Draw, points: Floats, width: int) -> Floats:
        """(n,) network at (n, d) standardised points, fitted to a draw; there is one width."""
        samples = make_samples(self.pool, [draw], self.nuisances, self.device)
        network = self._fit([draw], samples)[0][:, : self.shape.n_parameters]
        inputs = tensor(points.T.copy()[None], self.device)
        return array(self.shape.values(network, inputs)[-1][0, 0])

    def _fit(self, draws: Sequence[Draw], samples: Samples) -> tuple[Tensor, Tensor]:
        """(n, p) parameters of the best of the starts of each draw, and the (n,) loss."""
        model = self._model(self.shape)
        ends = [train(model, b, samples, self.clip, self.steps) for b in self._starts(draws)]
        losses = torch.stack([loss for _, loss in ends])
        best = losses.argmin(0)
        rows = torch.arange(len(draws), device=best.device)
        return torch.stack([found for found, _ in ends])[best, rows], losses[best, rows]

    def _model(self, shape: Shape | None) -> Model:
        return model_of(shape, self.nuisances, self.pool.expected)

    def _starts(self, draws: Sequence[Draw]) -> Iterator[Tensor]:
        for start in range(self.starts):
            seeds = [number(draw.seed, "nplm network", start) for draw in draws]
            network = self.shape.initial(seeds, self.device)
            yield torch.cat([network, network.new_zeros(len(draws), len(self.nuisances))], dim=1)


def fit_nuisances(model: Model, samples: Samples) -> tuple[Tensor, Tensor]:
    """(t, q) nuisances that fit best without anything new, and the (t,) loss: -Delta / 2."""
    start = torch.zeros_like(samples.auxiliary)
    if not model.n_nuisances:
        return start, start.new_zeros(len(start))
    return train(model, start, samples, math.inf, _NUISANCE_STEPS, patience=_NUISANCE_PATIENCE)


def make_samples(
    pool: Pool, draws: Sequence[Draw], nuisances: Sequence[Nuisance], device: str
) -> Samples:
    """Reference and data of the draws with the nuisances' terms, filled up to whole chunks."""
    rows = [reference_rows(pool, draw) for draw in draws]
    weights = [
        pool.weights[r] * (pool.expectation(d) / pool.weights[r].sum())
        for r, d in zip(rows, draws, strict=True)
    ]
    data = [np.concatenate([pool.points[d.rows], d.points]) for d in draws]

    def inputs(points: Floats) -> Floats:
        raw = points * pool.width + pool.mean
        return np.concatenate([points, term_table(nuisances, raw)], axis=1)

    if pool.scheme != FRESH:
        # One reference for all toys, and one set of weights where all expect as many data.
        rows = rows[:1]
        same = len({pool.expectation(draw) for draw in draws}) == 1
        weights = weights[:1] if same else weights
    return Samples(
        filled([inputs(pool.points[r]) for r in rows], device),
        filled([w[:, None] for w in weights], device),
        filled([inputs(points) for points in data], device),
        filled([np.ones((len(x), 1)) for x in data], device),
        tensor(np.stack([draw.auxiliary for draw in draws]), device),
    )


def filled(parts: Sequence[Floats], device: str) -> Tensor:
    """(t, d, n) the (n_t, d) parts side by side, zeros behind each."""
    longest = -(-max(len(part) for part in parts) // CHUNK) * CHUNK
    out = np.zeros((len(parts), parts[0].shape[1], longest))
    for k, part in enumerate(parts):
        out[k, :, : len(part)] = part.T
    return tensor(out, device)


class Tuned(NamedTuple):
    """A bound on the weights that was found.

    Attributes:
        clip: the bound.
        mean: t of null toys with it, on average.
        error: standard error of the mean.
    """

    clip: float
    mean: float
    error: float


def tuned_clip(
    test: NeuralTest, draws: Sequence[Draw], low: float = 1.0, high: float = 100.0, tries: int = 6
) -> Tuned:
    """The bound for which the mean t of null toys is the number of parameters, as a chi2 has it.

    A bisection on the logarithm: a looser bound gives larger t.

    Args:
        test: whose bound is sought.
        draws: null toys, other ones than those that calibrate the test.
        low: smallest bound.
        high: largest bound.
        tries: how often the networks are trained.

    Raises:
        InputError: if no bound between the two gives that mean.
    """
    least, most = low, high
    for _ in range(tries):
        clip = math.sqrt(low * high)
        t = replace(test, clip=clip).values(draws)
        mean = float(t.mean())
        low, high = (clip, high) if mean < test.shape.n_parameters else (low, clip)
    if low == least or high == most:
        raise InputError(
            f"a bound on the weights between {least:g} and {most:g} must give null toys a mean t "
            f"of {test.shape.n_parameters}, the number of parameters, but clip = {clip:.3g} gives "
            f"{mean:.3g}; choose other --hidden or --steps, or a --clip."
        )
    return Tuned(clip, mean, float(t.std(ddof=1) / math.sqrt(len(t))))
