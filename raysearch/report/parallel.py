"""Parallel coordinates: every trial of a detector as a line through its hyperparameters."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from raysearch.report.contents import NotAvailable, ReportContents
from raysearch.report.looks import look
from raysearch.report.style import new_figure
from raysearch.report.trials import (
    MINIMISED,
    Parameter,
    detectors,
    parameters,
    principal,
    robust_limits,
    valued,
    values,
)

# Up to this many distinct values each of them gets a tick of its own.
MOST_TICKS = 7


def parallel(contents: ReportContents) -> Figure:
    """Hyperparameters of the complete trials, coloured by the objective."""
    name = principal(contents)
    trials = valued(contents, name)
    found = {d: parameters(trials, d) for d in sorted(set(detectors(trials).tolist()))}
    panels = {detector: shown for detector, shown in found.items() if shown}
    if not panels:
        raise NotAvailable("no detector has two complete trials with different parameters.")
    scale = _scale(values(trials, name), name)
    figure = new_figure(9.0, 0.4 + 2.9 * len(panels))
    for place, (detector, shown) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(len(panels), 1, place)
        _draw(axes, detector, shown, _of(trials, name, detector), scale, name)
    figure.colorbar(scale, ax=figure.axes, label=look(name).label, shrink=0.8, aspect=30)
    return figure


def heights(parameter: Parameter) -> NDArray[np.float64]:
    """(n,) where each value stands on its axis, from 0 to 1.

    Numbers stand in proportion, or to their logarithm; categories at equal distances.

    Example:
        >>> heights(Parameter("rate", [0.001, 0.01, 0.1])).round(3).tolist()
        [0.0, 0.5, 1.0]
    """
    if not parameter.is_numeric:
        order = sorted(set(parameter.values), key=str)
        return np.array([order.index(v) for v in parameter.values]) / (len(order) - 1)
    numbers = np.array(parameter.values, dtype=np.float64)
    numbers = np.log(numbers) if parameter.is_log else numbers
    scaled: NDArray[np.float64] = (numbers - numbers.min()) / np.ptp(numbers)
    return scaled


def _draw(
    axes: Axes,
    detector: str,
    shown: list[Parameter],
    objective: NDArray[np.float64],
    scale: ScalarMappable,
    name: str,
) -> None:
    lines = np.stack([heights(parameter) for parameter in shown])
    # The best trials are drawn last, hence on top.
    order = np.argsort(-objective if name in MINIMISED else objective)
    for place, row in enumerate(order):
        colour: Any = scale.to_rgba(objective[row])
        last = place == len(order) - 1
        x = np.arange(len(shown)) if len(shown) > 1 else np.array([-0.1, 0.1])
        y = np.broadcast_to(lines[:, row], x.shape)
        axes.plot(x, y, color=colour, lw=2.8 if last else 1.2, alpha=1.0 if last else 0.8)
    for place, parameter in enumerate(shown):
        _draw_axis(axes, place, parameter)
    _finish(axes, f"{detector} ({len(order)} trials)", [p.name for p in shown])


def _draw_axis(axes: Axes, place: int, parameter: Parameter) -> None:
    axes.axvline(place, color="#374151", lw=1)
    box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 0.8}
    for height, text in _ticks(parameter):
        axes.text(place + 0.04, height, text, fontsize=9.5, va="center", zorder=10, bbox=box)


def _ticks(parameter: Parameter) -> list[tuple[float, str]]:
    """Height and text of an axis's ticks: every value if few and apart, else the ends."""
    places = dict(zip(heights(parameter).tolist(), parameter.values, strict=True))
    apart = len(places) < 2 or min(np.diff(sorted(places))) > 0.09
    if len(places) > MOST_TICKS or not apart:
        places = {end: places[end] for end in (0.0, 1.0)}
    return [(height, _text(value)) for height, value in places.items()]


def _text(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)[:16]


def _finish(axes: Axes, title: str, names: list[str]) -> None:
    axes.set_title(title, loc="left", fontsize=12)
    axes.set(xlim=(-0.3, len(names) - 0.65), ylim=(-0.08, 1.08), yticks=[])
    axes.set_xticks(range(len(names)), [name.replace("_", " ") for name in names], fontsize=11)
    axes.tick_params(which="both", length=0)
    axes.minorticks_off()
    axes.spines[["left", "right", "top", "bottom"]].set_visible(False)


def _of(trials: pa.Table, name: str, detector: str) -> NDArray[np.float64]:
    return np.asarray(values(trials, name)[detectors(trials) == detector])


def _scale(objective: NDArray[np.float64], name: str) -> ScalarMappable:
    """Colours from pale to dark, dark for the best; the palest ones of viridis are left out."""
    low, high = robust_limits(objective)
    inner = (max(low, objective.min()), min(high, objective.max()))
    limits = inner if inner[0] < inner[1] else (low, high)
    return ScalarMappable(Normalize(*limits), _colours(dark_is_low=name in MINIMISED))


def _colours(*, dark_is_low: bool) -> Colormap:
    whole = mpl.colormaps["viridis" if dark_is_low else "viridis_r"]
    part = np.linspace(0, 0.9, 64) if dark_is_low else np.linspace(0.1, 1, 64)
    return LinearSegmentedColormap.from_list("report", whole(part).tolist())
