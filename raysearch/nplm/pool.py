"""Where toys come from: the reference in random order, and three ways to draw from it.

- ``fresh``: each toy draws its data and its reference, disjoint, from all rows. Their difference
  then fluctuates as that of two independent samples, however small the pool (as in a permutation
  test). Where the reference is most of the pool, it is described by what it leaves out. Rows that
  are kernel centres are always of the reference: no centre is an event of the experiment either.
  Were they not, narrow kernels would find toys' data at their centres (of e^-x, 250 centres and
  600 + 300 events, the mean t of toys was 5% above that of independent data at sigma = .1 to .2).
- ``fixed``: one reference for all toys; the data come from the other rows.
- ``sampler``: one reference for all toys; a function draws the data from the true distribution.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from raysearch.errors import InputError, unknown_name
from raysearch.nplm.arrays import Floats, Rows

FRESH = "fresh"
SCHEMES = (FRESH, "fixed", "sampler")

# A function of generator and count that gives (count, d) points; importable by name for workers.
Sampler = Callable[[np.random.Generator, int], Floats]

# So many standard deviations of a Poisson number are set aside; beyond, data are cut short: of
# large numbers once in 10^9 toys, of single events once in 10^5.
_SIGMAS_ASIDE = 6.0
_PROBED_POINTS = 16
_NO_ROWS = np.zeros(0, np.int64)


class Draw(NamedTuple):
    """The data of one toy (or of the experiment), and how its reference differs from the shared.

    Attributes:
        rows: (k,) rows of the pool that are data.
        points: (j, d) further data, standardised.
        others: (l,) rows of the pool that are taken from the shared reference, or that are the
            reference where none is shared.
        auxiliary: (q,) measured values of the nuisances in units of their uncertainty.
        seed: of what else is random in its statistic.
    """

    rows: Rows
    points: Floats
    others: Rows
    auxiliary: Floats
    seed: int

    @property
    def n_data(self) -> int:
        """Number of data."""
        return len(self.rows) + len(self.points)


@dataclass(frozen=True, eq=False)
class Pool:
    """The reference of a test, from which its toys are drawn.

    Attributes:
        points: (n, d) standardised rows in random order.
        weights: (n,) relative weights.
        mean: (d,) what standardising took off.
        width: (d,) what standardising divided by.
        scheme: "fresh", "fixed" or "sampler".
        n_reference: rows of a test's reference.
        n_data: rows of the data, the expectation for toys without a given one.
        expected: number of data the reference predicts; None if the test has no normalisation and
            each toy has `n_data` events.
        sampler: for the scheme "sampler"; its points are not standardised.
        n_nuisances: auxiliary measurements of each toy.
        n_kept: so many rows, the first, are in the reference of every toy: the centres.
    """

    points: Floats
    weights: Floats
    mean: Floats
    width: Floats
    scheme: str
    n_reference: int
    n_data: int
    expected: float | None = None
    sampler: Sampler | None = None
    n_nuisances: int = 0
    n_kept: int = 0

    def __post_init__(self) -> None:
        """Check that reference and data of a toy fit into the pool."""
        if self.scheme not in SCHEMES:
            raise unknown_name("way to draw toys", self.scheme, SCHEMES)
        if (self.scheme == "sampler") != (self.sampler is not None):
            raise InputError("a sampler goes with draws='sampler' and the other way round.")
        needed = self.n_reference + (0 if self.sampler else self.n_aside)
        if needed > len(self.points):
            raise InputError(
                f"toys need a pool with disjoint reference and data, {self.n_reference} + "
                f"{needed - self.n_reference} = {needed} events, but the reference has "
                f"{len(self.points)}; give more, or a smaller reference_size."
            )
        if self.n_kept > self.n_reference:
            raise InputError(
                f"centres are events of the reference, but {self.n_kept} were asked for and it has "
                f"{self.n_reference}; ask for fewer, or a larger reference_size."
            )

    @property
    def n_aside(self) -> int:
        """Rows from which the data of a toy are taken."""
        return rows_aside(self.n_data, self.expected, self.weights)

    @property
    def n_shared(self) -> int:
        """The first rows of the pool are the shared reference; 0 if each toy gathers its own."""
        if self.scheme != "fresh":
            return self.n_reference
        return len(self.points) if 2 * self.n_reference >= len(self.points) else 0

    @property
    def sign(self) -> int:
        """+1 if the `others` of a draw are its reference, -1 if they are taken from the shared."""
        return -1 if self.n_shared else 1

    def standardised(self, points: Floats) -> Floats:
        """(n, d) points on the scale of the pool."""
        return np.asarray((np.asarray(points, np.float64) - self.mean) / self.width)

    def expectation(self, draw: Draw) -> float:
        """Number of data the reference of this draw predicts."""
        return float(draw.n_data) if self.expected is None else self.expected


def rows_aside(n_data: int, expected: float | None, weights: Floats) -> int:
    """Rows that hold enough events for the data of any toy, after choosing by weight."""
    most = float(n_data)
    if expected is not None:
        most = max(most, most_of_poisson(expected))
    excess = float(weights.max() / weights.mean())
    return int(np.ceil(most if excess == 1 else excess * (most + _SIGMAS_ASIDE * np.sqrt(most))))


def pool_spread(pool: Pool) -> tuple[float, float]:
    """How far the toys of one finite pool are from the truth: standard deviations of their mean t.

    Over many pools toys and data have the same mean t: where both parts of a toy come from one
    pool, without replacement, their difference fluctuates as for independent samples, and a fixed
    reference is the same for all. Drawing with replacement would add ``q N_D / P`` to the mean for
    q degrees of freedom and P rows. But one pool differs from the truth, from which the data come.

    Let a share a of the reference be the same for all toys, K rows with mean u off the truth, and
    all else come from P other rows with mean v off it. The mean of ``N_D |difference of means|^2``
    is then off by ``N_D (2 a u v + (1 - 2 a) (v^2 - q / P))``, whose two terms have the standard
    deviations ``2 a N_D sqrt(q / K P)`` and ``|1 - 2 a| N_D sqrt(2 q) / P``. A fixed reference has
    a = 1. Weighted rows count by their effective number ``(sum w)^2 / sum w^2``. A sampler is the
    truth. With the mean t in place of q these are upper estimates, in the tests by up to a half:
    t itself grows with N_D / N_R, and what the penalty holds in part counts in full.

    Returns:
        Coefficients of sqrt(q) and of sqrt(2 q).

    References:
        Survey sampling (Kish, 1965)
    """
    if pool.scheme == "sampler":
        return 0.0, 0.0
    n_data = pool.n_data if pool.expected is None else pool.expected
    n_same = pool.n_reference if pool.scheme == "fixed" else pool.n_kept
    same, others = pool.weights[:n_same], pool.weights[n_same:]
    of_reference = same.sum() + (pool.n_reference - n_same) * others.mean()
    # One over the root of each effective number, times a for the first.
    u, v = np.linalg.norm(same) / of_reference, np.linalg.norm(others) / others.sum()
    share = same.sum() / of_reference
    return float(2 * n_data * u * v), float(n_data * abs(1 - 2 * share) * v**2)


def check_sampler(sampler: Sampler, columns: int) -> None:
    """Refuse a function that does not give (n, columns) finite points.

    Raises:
        InputError: if it does not.
    """
    found = np.asarray(sampler(np.random.default_rng(0), _PROBED_POINTS))
    if found.shape != (_PROBED_POINTS, columns) or not np.isfinite(found.astype(float)).all():
        raise InputError(
            f"a sampler must give finite points of shape ({_PROBED_POINTS}, {columns}) if asked "
            f"for {_PROBED_POINTS}, but gave {found.dtype} of shape {found.shape}."
        )


def most_of_poisson(expected: float) -> int:
    """Events that hardly any Poisson number with this expectation exceeds."""
    return math.ceil(expected + _SIGMAS_ASIDE * math.sqrt(expected))


def draw_toy(pool: Pool, seed: int, signal: Floats | None = None, n_signal: int = 0) -> Draw:
    """The toy of this seed; it depends on nothing else.

    Args:
        pool: of the test.
        seed: of the toy.
        signal: (s, d) standardised signal events, some of which are injected.
        n_signal: how many, or their expectation where the number of data is one.
    """
    rng = np.random.default_rng(seed)
    n, injected = pool.n_data, n_signal
    if pool.expected is not None:
        n, injected = int(rng.poisson(pool.expected)), int(rng.poisson(n_signal))
        injected = min(injected, most_of_poisson(n_signal))
    if pool.sampler is not None:
        data, others = _NO_ROWS, _NO_ROWS
        points = pool.standardised(pool.sampler(rng, n))
    else:
        data, others = _rows(pool, rng, n)
        points = np.zeros((0, pool.points.shape[1]))
    if signal is not None and injected:
        points = np.concatenate([points, signal[rng.choice(len(signal), injected, replace=False)]])
    return Draw(data, points, others, rng.normal(size=pool.n_nuisances), seed)


def draw_observed(pool: Pool, data: Floats, seed: int) -> Draw:
    """The experiment's own data, with a reference as the toys have.

    Args:
        pool: of the test.
        data: (n, d) data, not standardised.
        seed: chooses the reference's rows.
    """
    others = _rows(pool, np.random.default_rng(seed), 0)[1]
    return Draw(_NO_ROWS, pool.standardised(data), others, np.zeros(pool.n_nuisances), seed)


def reference_rows(pool: Pool, draw: Draw) -> Rows:
    """(n_reference,) rows of the pool that are the reference of a draw."""
    if not pool.n_shared:
        return draw.others
    kept = np.ones(pool.n_shared, np.bool_)
    kept[draw.others] = False
    return np.flatnonzero(kept).astype(np.int64)


def _rows(pool: Pool, rng: np.random.Generator, n: int) -> tuple[Rows, Rows]:
    """Rows of n data, and `others` of the draw."""
    total = len(pool.points)
    if pool.scheme == "sampler":
        return _NO_ROWS, _NO_ROWS
    if pool.scheme == "fixed":
        aside = pool.n_reference + rng.choice(total - pool.n_reference, pool.n_aside, replace=False)
        return _by_weight(pool, rng, aside)[:n], _NO_ROWS
    kept, others = pool.n_kept, total - pool.n_kept
    if pool.n_shared:
        aside = kept + rng.choice(others, total - pool.n_reference, replace=False)
        return _by_weight(pool, rng, aside)[:n], aside
    drawn = pool.n_reference - kept
    both = kept + rng.choice(others, drawn + pool.n_aside, replace=False)
    reference = np.concatenate([np.arange(kept), both[:drawn]])
    return _by_weight(pool, rng, both[drawn:])[:n], reference


def _by_weight(pool: Pool, rng: np.random.Generator, rows: Rows) -> Rows:
    """The rows that an unweighted sample keeps."""
    weights = pool.weights[rows]
    largest = pool.weights.max()
    if weights.min() == largest:
        return rows
    kept: Rows = rows[rng.random(len(rows)) * largest < weights]
    return kept
