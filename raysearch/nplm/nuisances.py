"""Systematic uncertainties: what they do to the reference, as a Taylor series in each nuisance.

The log ratio of the reference at nuisances nu to the central one is ``sum_k g_k(x) nu^k``, summed
over the nuisances; each is constrained by an auxiliary measurement with a Gaussian uncertainty.

Where the number of data is not predicted, the reference has the number of the data at any nu, and
the shift s of its log ratio is ``s - log <e^s>_R``: the extended likelihood with a free
normalisation, at its maximum over that, is the likelihood of the shape.

References:
    Learning new physics from an imperfect machine (d'Agnolo et al., 2022), arXiv:2111.13633
    Extended maximum likelihood (Barlow, 1990)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from raysearch.errors import InputError
from raysearch.nplm.arrays import Floats

# A function of (n, d) points, not standardised, that gives (n,) values; workers must import it.
Term = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Nuisance:
    """One systematic uncertainty.

    Attributes:
        name: how reports call it.
        width: its standard deviation, in units of nu.
        terms: the Taylor coefficients g_1, g_2, ... of the log ratio.

    Raises:
        InputError: if the width is not positive or there are no terms.
    """

    name: str
    width: float
    terms: tuple[Term, ...]

    def __post_init__(self) -> None:
        """Check width and terms."""
        if not 0 < self.width < float("inf") or not self.terms:
            raise InputError(
                f"a nuisance needs a positive width and at least one term, but {self.name!r} has "
                f"width {self.width} and {len(self.terms)} terms."
            )


def normalisation(width: float, name: str = "normalisation") -> Nuisance:
    """The nuisance that multiplies the expected number of events by ``e^nu``.

    Args:
        width: relative uncertainty of the number of events.
        name: how reports call it.
    """
    return Nuisance(name, width, (_one,))


def _one(points: Floats) -> Floats:
    return np.ones(len(points))


def term_table(nuisances: Sequence[Nuisance], points: Floats) -> Floats:
    """(n, k) Taylor terms of all nuisances at (n, d) points, for nuisances in units of their width.

    Raises:
        InputError: if a term does not give one finite number per point.
    """
    columns = [np.zeros((len(points), 0))]
    for nuisance in nuisances:
        for power, term in enumerate(nuisance.terms, 1):
            values = np.asarray(term(points), np.float64) * nuisance.width**power
            if values.shape != (len(points),) or not np.isfinite(values).all():
                raise InputError(
                    f"a term must give one finite number per point, but term {power} of "
                    f"{nuisance.name!r} gives shape {values.shape} for {len(points)} points."
                )
            columns.append(values[:, None])
    return np.concatenate(columns, axis=1)


def check_terms(nuisances: Sequence[Nuisance], points: Floats, expected: float | None) -> None:
    """Refuse a nuisance of the number of events where toys have no expected number.

    Raises:
        InputError: if a term is the same at all points and there is no expectation.
    """
    if expected is not None:
        return
    for nuisance in nuisances:
        if (np.ptp(term_table([nuisance], points), axis=0) == 0).any():
            raise InputError(
                f"a term that is the same everywhere changes the number of events only, which a "
                f"test of shapes does not see, but {nuisance.name!r} has one; give --expected."
            )
