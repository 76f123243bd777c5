"""The figures of a test, as PNG and PDF.

What they show: the null distribution with the observed value, the significance of injected signal,
where in the space of the columns the fitted f is large, and whether p is uniform under the null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from raysearch.files import replacing
from raysearch.nplm.aggregate import combine_fitted
from raysearch.nplm.arrays import Floats
from raysearch.nplm.learned import log_ratio
from raysearch.nplm.prepare import Prepared
from raysearch.nplm.pvalues import Chi2, fit_chi2, uniformity
from raysearch.nplm.result import NplmResult
from raysearch.report.style import DATA, GREY, TEMPLATE, encode, new_figure, single


def write_figures(directory: Path, prepared: Prepared, result: NplmResult) -> list[Path]:
    """Write the figures of a finished test into ``figures/``; their paths without suffix."""
    drawings: dict[str, Callable[[], Figure]] = {
        "toys": lambda: toys(result),
        "calibration": lambda: calibration(result),
        "log_ratio": lambda: log_ratio(prepared, result),
    }
    if result.injections:
        drawings["injection"] = lambda: injection(result)
    return [_write(directory / "figures" / name, draw) for name, draw in drawings.items()]


def toys(result: NplmResult) -> Figure:
    """Distribution of t over the toys at each kernel width, the fitted chi2 and the data."""
    figure = new_figure(5.2 * len(result.widths) + 1.0, 4.4)
    for k, width in enumerate(result.widths):
        axes = figure.add_subplot(1, len(result.widths), k + 1)
        values, fit = result.toy_t[:, k], fit_chi2(result.toy_t[:, k])
        edges = np.linspace(min(values.min(), width.t), 1.05 * max(values.max(), width.t), 41)
        density, _ = np.histogram(values, edges, density=True)
        axes.stairs(density, edges, fill=True, color=TEMPLATE, alpha=0.3, label="toys")
        _draw_chi2(axes, fit, edges, TEMPLATE, rf"{fit.scale:.2f} $\chi^2$, {fit.dof:.1f} dof")
        _draw_chi2(axes, fit_chi2(values, plain=True), edges, GREY, r"plain $\chi^2$")
        axes.axvline(width.t, color=DATA, label=f"data, p = {width.asymptotic.p.value:.2g}")
        axes.set_xlabel("t" if width.sigma is None else rf"t  ($\sigma$ = {width.sigma:.3g})")
        axes.set_ylabel("density")
        axes.legend(loc="upper right")
    return figure


def calibration(result: NplmResult) -> Figure:
    """The p of each toy by the fitted chi2 against its rank: a diagonal if p is uniform."""
    figure, axes = single(5.6, 5.0)
    values = combine_fitted(result.toy_t, result.toy_t[:0], result.settings["aggregate"]).toys
    # The fit to one half judges the other, so that no toy has a part in its own p.
    halves = [
        fit_chi2(values[half::2]).p(values[1 - half :: 2])
        for half in (0, 1)
        if len(values[half::2]) > 1
    ]
    p = np.sort(np.concatenate(halves))
    n = len(p)
    expected = (np.arange(n) + 0.5) / n
    low, high = stats.beta.interval(0.95, np.arange(n) + 1, n - np.arange(n))
    axes.fill_between(expected, low, high, color=GREY, alpha=0.25, label="95% of uniform samples")
    axes.plot([0, 1], [0, 1], color=GREY, ls=":")
    label = f"toys, KS p = {uniformity(p):.2g}"
    axes.plot(expected, p, color=TEMPLATE, label=label)
    axes.set(xscale="log", yscale="log", xlim=(0.4 / n, 1), ylim=(0.1 / n, 1))
    axes.set_xlabel("share of toys with smaller p")
    axes.set_ylabel(r"p by the fitted $\chi^2$")
    axes.legend(loc="upper left")
    return figure


def injection(result: NplmResult) -> Figure:
    """Significance against the injected share of signal, with the band of 68% of the toys."""
    figure, axes = single()
    points = sorted(result.injections)
    share = [100 * point.fraction for point in points]
    middle = [point.z.value for point in points]
    low, high = ([getattr(point.z, end) for point in points] for end in ("low", "high"))
    axes.fill_between(share, low, high, color=TEMPLATE, alpha=0.25, label="68% of the toys")
    errors = [point.z_error for point in points]
    axes.errorbar(share, middle, errors, color=TEMPLATE, marker="o", ms=4, label="median")
    axes.axhline(0, color=GREY, ls=":")
    axes.set_xlabel("injected signal, % of the data")
    axes.set_ylabel("significance Z")
    axes.legend(loc="upper left")
    return figure


def _draw_chi2(axes: Axes, fit: Chi2, edges: Floats, colour: str, label: str) -> None:
    t = np.linspace(max(edges[0], 1e-3), edges[-1], 400)
    density = stats.chi2.pdf(t, fit.dof, scale=fit.scale)
    axes.plot(t, density, color=colour, label=label)


def _write(path: Path, draw: Callable[[], Figure]) -> Path:
    files: Mapping[str, bytes] = encode(draw)
    for suffix, content in files.items():
        with replacing(path.with_suffix(f".{suffix}")) as temporary:
            temporary.write_bytes(content)
    return path
