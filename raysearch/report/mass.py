"""The dijet mass before and after cuts on the chosen score: does the cut sculpt it?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from raysearch.report.contents import (
    NotAvailable,
    ReportContents,
    data_and_template,
    scored_names,
    signal_and_background,
)
from raysearch.report.style import CUTS, GREY, new_figure

# Template efficiencies of the cuts, as exponents of ten.
EXPONENTS = (-1, -2, -3)
N_BINS = 10
# With fewer events than this a cut says nothing about a shape.
FEWEST = 20


class Sample(NamedTuple):
    """Events whose mass is shown: (n,) masses in TeV and (n,) scores."""

    title: str
    mjj_tev: NDArray[np.float32]
    scores: NDArray[np.float32]


def mass(contents: ReportContents) -> Figure:
    """Normalised mjj of signal-region data, and of test background, at three cuts."""
    name = scored_names(contents)[0]
    template = data_and_template(contents, name)
    thresholds = [_threshold(template.scores[~template.is_positive], e) for e in EXPONENTS]
    samples = list(_samples(contents, name))
    figure = new_figure(5.2 * len(samples) + 1.0, 5.8)
    grid = figure.add_gridspec(2, len(samples), height_ratios=[2.2, 1])
    for column, sample in enumerate(samples):
        upper = figure.add_subplot(grid[0, column])
        lower = figure.add_subplot(grid[1, column], sharex=upper)
        _draw(upper, lower, sample, thresholds, _edges(contents, sample))
    return figure


def sculpting(
    before: NDArray[np.int_], after: NDArray[np.int_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """How a cut changes the shape of a histogram.

    Args:
        before: (b,) events per bin, all above 0.
        after: (b,) those of them that pass the cut.

    Returns:
        (b,) ratio of the normalised histograms, (b,) its error, and chi2 / (b - 1) of the
        hypothesis that every bin passes with the same probability (binomial variances).

    Example:
        >>> ratio, _, chi2 = sculpting(np.array([100, 200]), np.array([10, 20]))
        >>> ratio.tolist(), chi2
        ([1.0, 1.0], 0.0)
    """
    share = after.sum() / before.sum()
    variance = before * share * (1 - share)
    expected = before * share
    chi2 = np.sum((after - expected) ** 2 / variance) / (len(before) - 1)
    return after / expected, np.sqrt(np.maximum(after, 1)) / expected, float(chi2)


def _draw(
    upper: Axes,
    lower: Axes,
    sample: Sample,
    thresholds: list[float],
    edges: NDArray[np.float64],
) -> None:
    before = np.histogram(sample.mjj_tev, edges)[0]
    if not before.any():
        raise NotAvailable(f"no event of {sample.title} lies in the signal region.")
    unit = np.diff(edges)
    label = f"{sample.title}: {before.sum():,}"
    upper.stairs(before / (before.sum() * unit), edges, fill=True, color=GREY, alpha=0.3)
    upper.stairs(before / (before.sum() * unit), edges, color=GREY, lw=1.4, label=label)
    for place, threshold in enumerate(thresholds):
        kept = sample.mjj_tev[sample.scores > threshold]
        after = np.histogram(kept, edges)[0]
        if after.sum() >= FEWEST and after.sum() < before.sum():
            _draw_cut(upper, lower, place, edges, before, after)
    _finish(upper, lower, edges)


def _draw_cut(
    upper: Axes,
    lower: Axes,
    place: int,
    edges: NDArray[np.float64],
    before: NDArray[np.int_],
    after: NDArray[np.int_],
) -> None:
    full = before > 0
    width = np.diff(edges)[full]
    # The three cuts stand side by side in a bin, so that their errors can be told apart.
    middle = edges[:-1][full] + width * (0.5 + 0.22 * (place - 1))
    ratio, error, chi2 = sculpting(before[full], after[full])
    label = rf"$\epsilon_B=10^{{{EXPONENTS[place]}}}$: {after.sum():,} events,"
    label += rf" $\chi^2$/dof {chi2:.1f}"
    style: dict[str, Any] = {"fmt": "osD"[place], "ms": 4.0, "lw": 1.1, "color": CUTS[place]}
    unit = after.sum() * width
    counts = after[full]
    upper.errorbar(middle, counts / unit, np.sqrt(counts) / unit, label=label, **style)
    lower.errorbar(middle, ratio, error, **style)


def _finish(upper: Axes, lower: Axes, edges: NDArray[np.float64]) -> None:
    upper.set_ylim(0, upper.get_ylim()[1] * 1.55)
    upper.set_ylabel("events, normalised [1/TeV]")
    upper.tick_params(labelbottom=False)
    upper.legend(loc="upper right")
    lower.axhline(1, color=GREY, lw=1.2)
    # Enough for every ratio, unless a single one is far off.
    top = float(np.clip(1.1 * lower.dataLim.y1, 2.2, 6))
    lower.set(xlim=(edges[0], edges[-1]), ylim=(0, top))
    lower.set_ylabel("after / before")
    lower.set_xlabel(r"$m_{jj}$ [TeV]")


def _samples(contents: ReportContents, name: str) -> Iterator[Sample]:
    weak = data_and_template(contents, name)
    own = weak.is_positive
    yield Sample("signal-region data", weak.mjj_tev[own], weak.scores[own])
    try:
        test = signal_and_background(contents, name)
    except NotAvailable:
        return
    own = ~test.is_positive
    yield Sample("test background", test.mjj_tev[own], test.scores[own])


def _threshold(template: NDArray[np.float32], exponent: int) -> float:
    """The value above which at most 10^exponent of the template events lie, ties or not."""
    place = int(len(template) * 10.0**exponent)
    return float(np.sort(template)[::-1][place])


def _edges(contents: ReportContents, sample: Sample) -> NDArray[np.float64]:
    """Equal bins over the signal region, or over the sample's masses where it is unknown."""
    low, high = float(sample.mjj_tev.min()), float(sample.mjj_tev.max())
    known = contents.settings.get("signal_region_tev") or (low, high)
    start, end = float(known[0]), float(known[1])
    if not start < end:
        raise NotAvailable("all events have the same mjj.")
    return np.linspace(start, end, N_BINS + 1)
