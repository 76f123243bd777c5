"""Gaussian kernels on Nystroem centres, reduced to the few directions that matter.

With centres c_i the functions ``f(x) = sum_i a_i k(x, c_i)`` have the squared norm ``a' K a``. Two
rotations make them cheap: one that turns the norm into a plain sum of squares, and one to the
eigenbasis of the reference's Gram matrix, where directions far below the penalty are dropped: the
penalty holds their coefficients at zero whatever the data are.

References:
    Learning new physics efficiently with nonparametric methods (Letizia et al., 2022),
    arXiv:2204.02317
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from raysearch.nplm.arrays import Floats
from raysearch.nplm.tensors import CHUNK_ROWS, array, tensor

# Directions of the centres' own Gram matrix below this share of the largest are rounding errors.
_SMALLEST_NORM = 1e-12
# Dropped below this share of the penalty: t then moves by about a tenth (tests/benchmarks).
_SMALLEST_OF_PENALTY = 1e-3
# The basis is found on so many rows of the reference (or so many per centre): it only chooses the
# subspace, in which everything else is exact. That toys' data may be among them, and those of the
# experiment are not, moves t by less than the share above of a degree of freedom per direction.
_BASIS_ROWS = 20_000
_BASIS_ROWS_PER_CENTRE = 20


def gaussian(points: Tensor, centres: Tensor, sigma: float) -> Tensor:
    """(n, m) ``exp(-|x - c|^2 / 2 sigma^2)`` of (n, d) points and (m, d) centres.

    Example:
        >>> x = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
        >>> [round(float(k), 4) for k in gaussian(x, x[:1], 1.0)[:, 0]]
        [1.0, 0.6065]
    """
    scaled, around = points / sigma, centres / sigma
    # The square is completed by two more columns, so that one product gives the exponent.
    left = [scaled, scaled.square().sum(1, keepdim=True) / -2, torch.ones_like(scaled[:, :1])]
    right = [around, torch.ones_like(around[:, :1]), around.square().sum(1, keepdim=True) / -2]
    return (torch.cat(left, 1) @ torch.cat(right, 1).T).clamp_(max=0).exp_()


@dataclass(frozen=True, eq=False)
class Basis:
    """Orthonormal features of the functions a kernel test may fit.

    Attributes:
        centres: (m, d) Nystroem centres.
        sigma: kernel width, in units of the points.
        projection: (m, r) from kernel values to features; ``f = features @ beta`` then has the
            squared norm ``|beta|^2``.
    """

    centres: Floats
    sigma: float
    projection: Floats

    @property
    def rank(self) -> int:
        """Number of features."""
        return int(self.projection.shape[1])

    def features(self, points: Tensor) -> Tensor:
        """(n, r) features of (n, d) points."""
        device = str(points.device)
        centres, projection = tensor(self.centres, device), tensor(self.projection, device)
        out = points.new_empty(len(points), self.rank)
        for part in chunks(len(points)):
            torch.mm(gaussian(points[part], centres, self.sigma), projection, out=out[part])
        return out


def make_basis(
    reference: Tensor, weights: Tensor, centres: Tensor, sigma: float, penalty: float, total: int
) -> Basis:
    """The basis of one kernel width for a test on this reference.

    Args:
        reference: (n, d) rows of the reference in random order, the first of which are used.
        weights: (n,) their weights, which sum to the expected number of data.
        centres: (m, d) Nystroem centres.
        sigma: kernel width.
        penalty: lambda of the loss averaged over all events.
        total: number of events of reference and data together.
    """
    norm = _whitening(gaussian(centres, centres, sigma))
    used = slice(max(_BASIS_ROWS, _BASIS_ROWS_PER_CENTRE * len(centres)))
    of_used = weights[used] * (weights.sum() / weights[used].sum())
    gram = _gram(reference[used], of_used / (4 * total), centres, sigma)
    values, vectors = torch.linalg.eigh(norm.T @ gram @ norm)
    kept = values > _SMALLEST_OF_PENALTY * penalty
    return Basis(array(centres), sigma, array(norm @ vectors[:, kept]))


def effective_dof(
    reference: Tensor, weights: Tensor, centres: Tensor, sigma: float, penalty: float, total: int
) -> float:
    """Degrees of freedom the penalty leaves: the mean of t under the null, to leading order.

    The sum over the eigenvalues h of the Hessian of ``h / (h + penalty)``, where data and reference
    contribute alike. Arguments as for `make_basis`; all rows are used.
    """
    norm = _whitening(gaussian(centres, centres, sigma))
    gram = _gram(reference, weights / (2 * total), centres, sigma)
    values = torch.linalg.eigvalsh(norm.T @ gram @ norm).clamp_(min=0)
    return float((values / (values + penalty)).sum())


def chunks(n: int, size: int = CHUNK_ROWS) -> Iterator[slice]:
    """Slices that cover n rows."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def _whitening(gram: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(gram)
    kept = values > _SMALLEST_NORM * values[-1]
    whitening: Tensor = vectors[:, kept] / values[kept].sqrt()
    return whitening


def _gram(points: Tensor, weights: Tensor, centres: Tensor, sigma: float) -> Tensor:
    """(m, m) weighted sum over the points of the outer products of their kernel values."""
    out = points.new_zeros(len(centres), len(centres))
    for part in chunks(len(points)):
        values = gaussian(points[part], centres, sigma)
        out.addmm_((values * weights[part, None]).T, values)
    return out
