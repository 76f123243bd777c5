"""The outcome of a test: p-values with their intervals, and all that they rest on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from raysearch.nplm.arrays import Floats
from raysearch.nplm.pvalues import SMALLEST_P, WRONG_STOPS, Asymptotic, Estimate

# In standard deviations of t; more would move Z by as much.
_BEARABLE_SHIFT = 0.2
_INTERVALS = (
    "central 68%, of p_empirical as if the number of toys had been fixed beforehand; where it "
    "begins at p = 0 its other end is an 84% limit"
)


class Width(NamedTuple):
    """The test at one kernel width alone.

    Attributes:
        sigma: kernel width; None where there is no kernel.
        t: of the data.
        p_empirical: counted among the toys.
        asymptotic: by a scaled chi2.
    """

    sigma: float | None
    t: float
    p_empirical: Estimate
    asymptotic: Asymptotic


class Injection(NamedTuple):
    """The significance of toys with injected signal.

    Attributes:
        n_signal: injected events.
        fraction: of the data.
        z: median significance, with the band that holds 68% of the toys.
        z_error: standard error of the median.
        toys: how many.
    """

    n_signal: int
    fraction: float
    z: Estimate
    z_error: float
    toys: int


@dataclass(frozen=True, eq=False)
class NplmResult:
    """A finished test.

    Attributes:
        t: the statistic; of several kernel widths that combined from counted p-values.
        t_fitted: the statistic the chi2 is fitted to: t for a single kernel width, else that
            combined from fitted p-values. One for both will not do: counting is exact only if the
            data have a part in the toys' p-values, the toys' chi2 means something only if not; and
            counted p-values end at 1 / n, where no chi2 does.
        p_empirical: of t, ``(k + 1) / (n + 1)``, never 0, with its central 68% interval for a
            number of toys fixed beforehand: an 84% limit where no toy reached t. After an early
            stop it is no more than that; what then has its stated rate is that p is not `stop_at`.
        p_asymptotic: of t_fitted, by the chi2 fitted to the toys, with the interval of the fit.
        z: significance of `p_empirical`; a lower limit where no toy reached t.
        z_asymptotic: significance of `p_asymptotic`.
        toys: number of null toys.
        dof: of the fitted scaled chi2.
        scale: of the fitted scaled chi2.
        ks_p: of the KS test of that fit; where it is small, `p_asymptotic` is not to be trusted.
        plain: the same with a plain chi2.
        widths: the test at each kernel width alone.
        injections: significance against injected signal.
        pool_shift: how far a finite pool moves the mean of the toys' t.
        settings: all that decided the result, choices of rules and their reasons included.
        toy_seeds: (n,) seeds of the toys.
        toy_t: (n, k) their t at each kernel width.
        delta: of the data: twice the log likelihood the nuisances alone gain, 0 without any; tau is
            t + Delta.
        toy_delta: (n,) the same of the toys.
    """

    t: float
    t_fitted: float
    p_empirical: Estimate
    p_asymptotic: Estimate
    z: Estimate
    z_asymptotic: Estimate
    toys: int
    dof: Estimate
    scale: Estimate
    ks_p: float
    plain: Asymptotic
    widths: tuple[Width, ...]
    injections: tuple[Injection, ...]
    pool_shift: Estimate
    settings: Mapping[str, Any]
    toy_seeds: tuple[int, ...]
    toy_t: Floats
    delta: float
    toy_delta: Floats

    def summary(self) -> str:
        """The answer in two lines, and a third if the pool is too small to be trusted."""
        p, a = self.p_empirical, self.p_asymptotic
        counted = f"p = {p.value:.2g} ({p.low:.2g} to {p.high:.2g}), Z = {self.z.value:.2f}"
        if p.low == 0:
            counted = f"p < {p.high:.2g}, the 84% limit of {self.toys} toys, Z > {self.z.low:.2f}"
        counted += self._stopped()
        limit = "<" if a.value <= SMALLEST_P else "="
        return (
            f"t = {self.t:.2f}; from {self.toys} toys {counted}\n"
            f"{self._fitted()}by a fitted chi2 with {self.dof.value:.1f} degrees of freedom "
            f"p {limit} {a.value:.2g} ({a.low:.2g} to {a.high:.2g}), "
            f"Z = {self.z_asymptotic.value:.2f}; KS test of the fit p = {self.ks_p:.2g}"
            f"{self._warning()}"
        )

    def _stopped(self) -> str:
        threshold, asked = self.settings["stop_at"], self.settings["toys"]
        if threshold is None or self.toys == asked:
            return ""
        side = "above" if self.p_empirical.value > threshold else "below"
        return (
            f", as if so many toys had been asked for; stopped before {asked} since p is {side} "
            f"{threshold:g}, which is wrong in {WRONG_STOPS:.0%} of tests at most"
        )

    def _fitted(self) -> str:
        if len(self.widths) == 1:
            return ""
        return f"combined from fitted p-values t = {self.t_fitted:.2f}; "

    def _warning(self) -> str:
        error, spread = self.pool_shift.high, float(self.toy_t.std(axis=0).max())
        if error <= _BEARABLE_SHIFT * spread:
            return ""
        return (
            f"\nwarning: the reference is small beside the data: the mean t of its toys is off by "
            f"about {error:.2g}, where t itself scatters by {spread:.2g}; give more reference"
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values, as nplm.json holds them; None stands for what is not finite."""
        names = ("p_empirical", "p_asymptotic", "z", "z_asymptotic", "dof", "scale", "pool_shift")
        return {
            "t": _finite(self.t),
            "t_fitted": _finite(self.t_fitted),
            **{name: _estimate(getattr(self, name)) for name in names},
            "toys": self.toys,
            "ks_p": self.ks_p,
            "smallest_p": 1 / (self.toys + 1),
            "intervals": _INTERVALS,
            "plain_chi2": _asymptotic(self.plain),
            "widths": [
                {
                    "sigma": w.sigma,
                    "t": _finite(w.t),
                    "p_empirical": _estimate(w.p_empirical),
                }
                | _asymptotic(w.asymptotic)
                for w in self.widths
            ],
            "injections": [i._asdict() | {"z": _estimate(i.z)} for i in self.injections],
            "settings": dict(self.settings),
            **self._systematics(),
        }

    def _systematics(self) -> dict[str, Any]:
        if not self.toy_delta.any():
            return {}
        tau = self.toy_t + self.toy_delta[:, None]
        found = {
            "delta": self.delta,
            "tau": [width.t + self.delta for width in self.widths],
            "mean_delta": _estimate(_mean(self.toy_delta)),
            "mean_tau": [_estimate(_mean(column)) for column in tau.T],
        }
        return {"systematics": found}


def _mean(values: Floats) -> Estimate:
    mean, error = float(values.mean()), float(values.std() / math.sqrt(len(values)))
    return Estimate(mean, mean - error, mean + error)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _estimate(estimate: Estimate) -> dict[str, Any]:
    value, low, high = (_finite(end) for end in estimate)
    return {"value": value, "interval": [low, high]}


def _asymptotic(found: Asymptotic) -> dict[str, Any]:
    numbers = {
        "p_asymptotic": found.p,
        "z_asymptotic": found.z,
        "dof": found.dof,
        "scale": found.scale,
    }
    return {name: _estimate(e) for name, e in numbers.items()} | {"ks_p": found.ks_p}
