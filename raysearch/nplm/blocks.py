"""What all toys of one kernel width share: the reference's features, their sums and Gram matrix."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from raysearch.nplm.arrays import Floats, Rows
from raysearch.nplm.kernel import Basis, chunks, make_basis
from raysearch.nplm.pool import Draw, Pool
from raysearch.nplm.tensors import array, tensor

# Rows of features multiplied at once with the coefficients of all toys of a batch.
PRODUCT_ROWS = 4096


@dataclass(frozen=True, eq=False)
class Block:
    """One kernel width on one pool.

    Attributes:
        basis: the features.
        features: (n, r) of all rows of the pool; None to compute them anew each time they are
            needed, where they would take too much memory.
        total: (r,) weighted sum of the features over the shared reference.
        gram: (r, r) weighted sum of their outer products.
        weight: sum of the relative weights of the shared reference.
    """

    basis: Basis
    features: Floats | None
    total: Floats
    gram: Floats
    weight: float

    def rows(self, pool: Pool, rows: Rows, device: str) -> Tensor:
        """(k, r) features of these rows of the pool."""
        if self.features is not None:
            return tensor(self.features[rows], device)
        return self.basis.features(tensor(pool.points[rows], device))

    def data(self, pool: Pool, draw: Draw, device: str) -> Tensor:
        """(n, r) features of the data of a draw."""
        of_pool = self.rows(pool, draw.rows, device)
        if not len(draw.points):
            return of_pool
        return torch.cat([of_pool, self.basis.features(tensor(draw.points, device))])

    def part(self, pool: Pool, part: slice, device: str) -> Tensor:
        """(k, r) features of consecutive rows of the pool."""
        if self.features is not None:
            return tensor(self.features[part], device)
        return self.basis.features(tensor(pool.points[part], device))


def make_block(
    pool: Pool, centres: Floats, sigma: float, penalty: float, keep: bool, device: str
) -> Block:
    """The block of one kernel width.

    Args:
        pool: of the test.
        centres: (m, d) Nystroem centres, standardised.
        sigma: kernel width in units of the standardised points.
        penalty: lambda of the averaged loss.
        keep: whether all features are stored.
        device: where to compute.
    """
    return block_of(pool, basis_of(pool, centres, sigma, penalty, device), keep, device)


def basis_of(pool: Pool, centres: Floats, sigma: float, penalty: float, device: str) -> Basis:
    """The features of one kernel width; arguments as for `make_block`."""
    points, weights = tensor(pool.points, device), tensor(pool.weights, device)
    expected = float(pool.n_data if pool.expected is None else pool.expected)
    scaled = weights * (expected / weights.sum())
    size = pool.n_reference + int(expected)
    return make_basis(points, scaled, tensor(centres, device), sigma, penalty, size)


def block_of(pool: Pool, basis: Basis, keep: bool, device: str) -> Block:
    """The block of a basis; arguments as for `make_block`."""
    features = array(basis.features(tensor(pool.points, device))) if keep else None
    return Block(basis, features, *_moments(pool, basis, features, device))


def shared_sums(block: Block, pool: Pool, coefficients: Tensor) -> Tensor:
    """(t,) weighted sums of ``e^f - 1`` over the shared reference, for t functions at once.

    Args:
        block: of the kernel width.
        pool: of the test.
        coefficients: (r, t) of the functions.
    """
    device = str(coefficients.device)
    sums = coefficients.new_zeros(coefficients.shape[1])
    for part in chunks(pool.n_shared, PRODUCT_ROWS):
        values = torch.mm(block.part(pool, part, device), coefficients).expm1_()
        sums += tensor(pool.weights[part], device) @ values
    return sums


def _moments(
    pool: Pool, basis: Basis, features: Floats | None, device: str
) -> tuple[Floats, Floats, float]:
    """Weighted sums over the shared reference: features, their outer products, and 1."""
    total = torch.zeros(basis.rank, dtype=torch.float64, device=device)
    gram = torch.zeros(basis.rank, basis.rank, dtype=torch.float64, device=device)
    for part in chunks(pool.n_shared):
        stored = None if features is None else tensor(features[part], device)
        z = basis.features(tensor(pool.points[part], device)) if stored is None else stored
        weighted = z * tensor(pool.weights[part], device)[:, None]
        total += weighted.sum(0)
        gram.addmm_(weighted.T, z)
    return array(total), array(gram), float(pool.weights[: pool.n_shared].sum())
