"""The figures of a scan, each over the number of signal events.

References:
    How to pick the best anomaly detector? (Hein et al., 2025), arXiv:2511.14832: its figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from raysearch.objectives import OBJECTIVES, sic_at
from raysearch.report.contents import NotAvailable
from raysearch.report.looks import look
from raysearch.report.style import GREY, detector_style, new_figure
from raysearch.scanning.analysis import (
    Band,
    Place,
    Values,
    band,
    chance,
    picks,
    rank_correlation,
)

_INJECTED = "injected signal events N"
_SIC = "max SIC"


def max_sic(values: Values) -> Figure:
    """Max SIC of the set that each objective chooses, on halves and on the full statistics."""
    _need_labels(values)

    def draw(axes: Axes, place: Place) -> None:
        for k, name in enumerate(values.objectives):
            bands = [values.band(place, n, name, sic_at(name)) for n in values.n_signal]
            _draw_bands(axes, values.n_signal, bands, _line(name, look(name).label))
            full = [values.full_value(place, n, name, "max_sic") for n in values.n_signal]
            # Rings of equal choices lie one in the other.
            axes.plot(
                values.n_signal,
                full,
                "o",
                ms=8 / (1 + 0.5 * k),
                mfc="none",
                color=look(name).colour,
            )
        axes.plot([], [], "o", ms=6, mfc="none", color=GREY, label="full statistics")

    return _grid(values, _SIC, draw, bottom=0.0)


def correlation(values: Values) -> Figure:
    """Rank correlation of each data-driven metric with max SIC over the sets."""
    _need_labels(values)
    names = [name for name in values.objectives if not OBJECTIVES[name].supervised]
    if not names:
        raise NotAvailable("no data-driven objective was asked for.")

    smallest_step = min(np.diff(values.n_signal), default=1)

    def draw(axes: Axes, place: Place) -> None:
        axes.axhline(0, color=GREY, ls=":", lw=1)
        for k, name in enumerate(names):
            found = [rank_correlation(values, place, n, name) for n in values.n_signal]
            rho, error = np.array(found).T
            label, colour, _ = look(name)
            # Beside each other, so that the bars of all metrics stay visible.
            n = np.array(values.n_signal) + 0.15 * k * smallest_step
            axes.plot(n, rho, "o-", ms=4, color=colour, label=label)
            axes.errorbar(n, rho, error, fmt="none", elinewidth=1, capsize=2, color=colour)
        axes.set_ylim(-1.05, 1.05)

    return _grid(values, "rank correlation with max SIC", draw)


def metrics(values: Values) -> Figure:
    """Each metric at the set with the best mean of it: metrics across, modes and features down."""
    shown = [name for name in values.objectives if _has(values, name)]
    if not shown:
        raise NotAvailable("no trial has a metric.")
    samples = list(dict.fromkeys((place.mode, place.features) for place in values.places))
    figure = new_figure(4.4 * len(shown) + 0.4, 3.3 * len(samples) + 0.9)
    for row, sample in enumerate(samples):
        places = [place for place in values.places if (place.mode, place.features) == sample]
        for k, name in enumerate(shown):
            above = figure.axes[k] if row else None
            place_at = row * len(shown) + k + 1
            axes = figure.add_subplot(
                len(samples), len(shown), place_at, sharex=above, sharey=above
            )
            _draw_metric(axes, values, places, name)
            if row + 1 == len(samples):
                axes.set_xlabel(_INJECTED)
    _legend(figure, figure.axes[0])
    return figure


def _draw_metric(axes: Axes, values: Values, places: Sequence[Place], name: str) -> None:
    detectors = [place.detector for place in places]
    for place in places:
        bands = [values.band(place, n, name, name) for n in values.n_signal]
        colour = detector_style(place.detector, detectors)["color"]
        _draw_bands(axes, values.n_signal, bands, {"color": colour, "label": place.detector})
    if name == "val_sic":
        lucky = [chance(values, places, n) for n in values.n_signal]
        _draw_bands(axes, values.n_signal, lucky, {"color": GREY, "ls": ":", "label": "chance"})
    if name == "val_loss":
        axes.axhline(math.log(2), color=GREY, ls=":", lw=1)
    axes.set_title(_sample(places[0]), fontsize=11)
    axes.set(ylabel=look(name).label, xlim=_limits(values))


def picking(values: Values) -> Figure:
    """Max SIC of the setup that each objective picks, on its half and on the full statistics."""
    _need_labels(values)
    figure = new_figure(11.0, 5.0)
    for k, (stage, title) in enumerate((("half", "half / half"), ("full", "full statistics"))):
        axes = figure.add_subplot(1, 2, k + 1)
        for name in values.objectives:
            bands = [
                band(np.array([getattr(pick, stage) for pick in picks(values, n, name)]))
                for n in values.n_signal
            ]
            line = _line(name, f"picked by {look(name).label}")
            if stage == "half":
                _draw_bands(axes, values.n_signal, bands, line)
            else:
                # A setup has one ensemble: over repeats there is nothing to draw a band of.
                axes.plot(values.n_signal, [found.median for found in bands], marker=".", **line)
        axes.set(xlabel=_INJECTED, ylabel=f"{_SIC}, {title}", xlim=_limits(values))
    top = max(axes.get_ylim()[1] for axes in figure.axes)
    for axes in figure.axes:
        axes.set_ylim(0, top)
    _legend(figure, figure.axes[0])
    return figure


def half_full(values: Values) -> Figure:
    """Max SIC on the full statistics against the median on halves, one panel an objective."""
    _need_labels(values)
    points = {name: list(_pairs(values, name)) for name in values.objectives}
    top = 1.08 * max(
        (max(p.high, full) for own in points.values() for _, p, full in own), default=1
    )
    detectors = sorted({place.detector for place in values.places})
    figure = new_figure(4.0 * len(points) + 0.8, 4.9)
    for k, (name, own) in enumerate(points.items()):
        axes = figure.add_subplot(1, len(points), k + 1)
        for place, found, full in own:
            style = detector_style(place.detector, detectors)
            error = [[found.median - found.low], [found.high - found.median]]
            look_of = {"color": style["color"], "fmt": style["marker"], "ms": 5, "lw": 1}
            axes.errorbar(found.median, full, xerr=error, alpha=0.7, **look_of)
        for detector in detectors:
            axes.plot([], [], ls="none", label=detector, **detector_style(detector, detectors))
        axes.plot([0, top], [0, top], color=GREY, ls=":", lw=1)
        axes.set_title(f"chosen by {look(name).label}", fontsize=11)
        axes.set(xlim=(0, top), ylim=(0, top), xlabel=f"{_SIC} on halves, median")
    figure.axes[0].set_ylabel(f"{_SIC} on the full statistics")
    _legend(figure, figure.axes[0])
    return figure


def _pairs(values: Values, objective: str) -> Iterator[tuple[Place, Band, float]]:
    for place in values.places:
        for n in values.n_signal:
            found = values.band(place, n, objective, sic_at(objective))
            full = values.full_value(place, n, objective, "max_sic")
            if math.isfinite(found.median) and math.isfinite(full):
                yield place, found, full


def _grid(
    values: Values,
    label: str,
    draw: Callable[[Axes, Place], None],
    bottom: float | None = None,
) -> Figure:
    """One panel a setup: detectors across, modes and feature sets down."""
    across = len({place.detector for place in values.places})
    down = len(values.places) // across
    figure = new_figure(4.0 * across + 0.8, 3.3 * down + 0.9)
    first: Axes | None = None
    for k, place in enumerate(values.places):
        axes = figure.add_subplot(down, across, k + 1, sharex=first, sharey=first)
        first = first or axes
        draw(axes, place)
        axes.set_title(_label(place), fontsize=11)
        if k >= len(values.places) - across:
            axes.set_xlabel(_INJECTED)
        if k % across == 0:
            axes.set_ylabel(label)
    if first is not None:
        first.set_xlim(*_limits(values))
        if bottom is not None:
            first.set_ylim(bottom=bottom)
        _legend(figure, first)
    return figure


def _draw_bands(
    axes: Axes,
    n_signal: Sequence[int],
    bands: Sequence[Band],
    line: dict[str, Any],
) -> None:
    median, low, high = np.array(bands).T
    axes.fill_between(n_signal, low, high, color=line["color"], alpha=0.18, lw=0)
    axes.plot(n_signal, median, marker=".", **line)


def _line(objective: str, label: str) -> dict[str, Any]:
    _, colour, width = look(objective)
    return {"color": colour, "lw": width, "label": label}


def _limits(values: Values) -> tuple[float, float]:
    """Ends of the axis of N, so that no point lies on the frame."""
    low, high = values.n_signal[0], values.n_signal[-1]
    margin = 0.03 * (high - low) or 1.0
    return low - margin, high + margin


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=min(4, max(1, len(labels))))


def _sample(place: Place) -> str:
    return place.mode if place.features == "baseline" else f"{place.mode} {place.features}"


def _label(place: Place) -> str:
    return f"{_sample(place)}, {place.detector}"


def _has(values: Values, metric: str) -> bool:
    return any(np.isfinite(own[metric]).any() for own in values.half.values())


def _need_labels(values: Values) -> None:
    if not _has(values, "max_sic"):
        raise NotAvailable("it needs max SIC, and no trial has one: test events were too few.")
