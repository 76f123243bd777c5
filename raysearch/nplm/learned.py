"""Where in the space of the columns the fitted f is large: a figure."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from raysearch.nplm.arrays import Floats
from raysearch.nplm.pool import reference_rows
from raysearch.nplm.prepare import Prepared
from raysearch.nplm.result import NplmResult
from raysearch.report.style import DATA, GREY, SIGNAL, new_figure

_MOST_COLUMNS = 6
_BINS, _CELLS = 30, 40
# So many panels stand in two columns, more in three.
_PANELS_OF_TWO = 4
# Rows of the reference drawn; more would not be seen.
_DRAWN_ROWS = 50_000
_SEEN = (0.001, 0.999)


def log_ratio(prepared: Prepared, result: NplmResult) -> Figure:
    """Data over reference in each column with the fitted e^f, and f on the two it varies with most.

    f is that of the kernel width with the smallest p.
    """
    statistic, draw = prepared.work.statistic, prepared.observed
    pool, width = statistic.pool, int(np.argmax([w.asymptotic.z.value for w in result.widths]))
    rows = reference_rows(pool, draw)[:_DRAWN_ROWS]
    points, weights = pool.points[rows], pool.weights[rows]
    f = statistic.log_ratio(draw, points, width)
    reference = points * pool.width + pool.mean
    data = np.concatenate([pool.points[draw.rows], draw.points]) * pool.width + pool.mean
    names = prepared.columns[:_MOST_COLUMNS]
    in_space = len(names) > 1
    panels = len(names) + in_space
    across = min(panels, 2 if panels <= _PANELS_OF_TWO else 3)
    down = -(-panels // across)
    figure = new_figure(4.4 * across + 0.6, 3.6 * down + 0.4)
    fitted = weights * np.exp(np.minimum(f, 50.0))
    for k, name in enumerate(names):
        axes = figure.add_subplot(down, across, k + 1)
        _draw_ratio(axes, data[:, k], reference[:, k], weights, fitted)
        axes.set_xlabel(name)
        axes.set_ylabel("over reference")
    figure.axes[0].legend(loc="upper left")
    if in_space:
        axes = figure.add_subplot(down, across, len(names) + 1)
        first, second = varying_most(reference, f, weights)
        mesh = _draw_map(axes, reference[:, [first, second]], f, weights)
        figure.colorbar(mesh, ax=axes, label="mean f")
        axes.set_xlabel(prepared.columns[first])
        axes.set_ylabel(prepared.columns[second])
    return figure


def varying_most(points: Floats, f: Floats, weights: Floats) -> tuple[int, int]:
    """The two columns with which f varies most, in order: by the variance of its mean in bins.

    Args:
        points: (n, d) points, d at least 2.
        f: (n,) values there.
        weights: (n,) of the points.
    """
    explained = []
    for column in points.T:
        inner = np.quantile(column, np.linspace(0, 1, _BINS + 1)[1:-1])
        bins = np.searchsorted(inner, column)
        share = np.bincount(bins, weights, _BINS)
        total = np.bincount(bins, weights * f, _BINS)
        mean = np.divide(total, share, out=np.zeros(_BINS), where=share > 0)
        average = np.average(mean, weights=share)
        explained.append(float(np.average((mean - average) ** 2, weights=share)))
    second, first = np.argsort(explained, kind="stable")[-2:]
    return int(first), int(second)


def _draw_map(axes: Axes, points: Floats, f: Floats, weights: Floats) -> QuadMesh:
    first, second = (_edges(column, _CELLS) for column in points.T)
    x, y = points[:, 0], points[:, 1]
    share = np.histogram2d(x, y, (first, second), weights=weights)[0]
    total = np.histogram2d(x, y, (first, second), weights=weights * f)[0]
    mean = np.divide(total, share, out=np.full_like(total, np.nan), where=share > 0)
    largest = max(float(np.nanmax(np.abs(mean))), 1e-12)
    mesh = axes.pcolormesh(first, second, mean.T, cmap="RdBu_r", vmin=-largest, vmax=largest)
    mesh.set_rasterized(True)
    return mesh


def _draw_ratio(
    axes: Axes, data: Floats, reference: Floats, weights: Floats, fitted: Floats
) -> None:
    edges = _edges(reference, _BINS)
    seen, _ = np.histogram(data, edges)
    expected, _ = np.histogram(reference, edges, weights=weights * (len(data) / weights.sum()))
    learned, _ = np.histogram(reference, edges, weights=fitted * (len(data) / weights.sum()))
    centres, some = (edges[1:] + edges[:-1]) / 2, expected > 0
    axes.axhline(1, color=GREY, ls=":")
    axes.errorbar(
        centres[some],
        seen[some] / expected[some],
        np.sqrt(seen[some]) / expected[some],
        fmt="o",
        ms=3,
        lw=1,
        color=DATA,
        label="data",
    )
    axes.stairs(
        np.divide(learned, expected, out=np.ones_like(expected), where=some),
        edges,
        color=SIGNAL,
        label=r"fitted $e^f$",
    )


def _edges(column: Floats, cells: int) -> Floats:
    low, high = np.quantile(column, _SEEN)
    return np.linspace(low, high, cells + 1)
