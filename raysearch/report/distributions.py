"""Distributions of the chosen score: what the detector sees, and what it finds."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from raysearch.report.contents import (
    NotAvailable,
    ReportContents,
    Scored,
    data_and_template,
    scored_names,
    signal_and_background,
)
from raysearch.report.looks import look
from raysearch.report.style import DATA, SIGNAL, TEMPLATE, new_figure

N_BINS = 40


def scores(contents: ReportContents) -> Figure:
    """Log odds of data and template out of fold, and of test signal and background."""
    name = scored_names(contents)[0]
    pairs = _pairs(contents, name)
    figure = new_figure(5.2 * len(pairs) + 1.0, 4.4)
    for place, (labels, colour, scored) in enumerate(pairs, start=1):
        axes = figure.add_subplot(1, len(pairs), place)
        edges = _edges(scored.scores)
        _draw_filled(axes, scored.scores[~scored.is_positive], edges, labels[1])
        _draw_points(axes, scored.scores[scored.is_positive], edges, labels[0], colour)
        axes.set_yscale("log")
        axes.set_ylim(top=axes.get_ylim()[1] * 8)
        axes.set_xlabel(f"log odds (setup chosen by {look(name).label})")
        axes.set_ylabel("density")
        axes.legend(loc="upper right")
    return figure


def _pairs(contents: ReportContents, name: str) -> list[tuple[tuple[str, str], str, Scored]]:
    pairs = [(("signal-region data", "template"), DATA, data_and_template(contents, name))]
    try:
        test = signal_and_background(contents, name)
    except NotAvailable:
        return pairs
    return [*pairs, (("test signal", "test background"), SIGNAL, test)]


def _edges(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Bins over all values but those far outside the bulk, which the end bins take in."""
    start, low, high, end = np.quantile(values.astype(np.float64), [0, 0.001, 0.999, 1])
    reach = 0.6 * (high - low)
    start, end = max(start, low - reach), min(end, high + reach)
    margin = 0.01 * (end - start) or 0.5
    return np.linspace(start - margin, end + margin, N_BINS + 1)


def _counts(values: NDArray[np.float32], edges: NDArray[np.float64]) -> NDArray[np.int_]:
    return np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]


def _draw_filled(
    axes: Axes, values: NDArray[np.float32], edges: NDArray[np.float64], label: str
) -> None:
    density = _counts(values, edges) / (len(values) * np.diff(edges))
    axes.stairs(density, edges, fill=True, color=TEMPLATE, alpha=0.3)
    axes.stairs(density, edges, color=TEMPLATE, lw=1.4, label=f"{label} ({len(values):,})")


def _draw_points(
    axes: Axes, values: NDArray[np.float32], edges: NDArray[np.float64], label: str, colour: str
) -> None:
    counts = _counts(values, edges)
    seen = counts > 0
    unit = len(values) * np.diff(edges)[seen]
    axes.errorbar(
        ((edges[1:] + edges[:-1]) / 2)[seen],
        counts[seen] / unit,
        np.sqrt(counts[seen]) / unit,
        fmt="o",
        ms=3.5,
        lw=1.0,
        color=colour,
        label=f"{label} ({len(values):,})",
    )
