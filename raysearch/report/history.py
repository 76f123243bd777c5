"""What the trials gave: objective against max SIC, and the course of the search."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from raysearch.objectives import OBJECTIVES, sic_at
from raysearch.report.contents import NotAvailable, ReportContents, choices
from raysearch.report.looks import look
from raysearch.report.style import GREY, detector_style, new_figure, single
from raysearch.report.trials import (
    MINIMISED,
    detectors,
    principal,
    rank_correlation,
    robust_limits,
    texts,
    valued,
    values,
)

DATA_DRIVEN = tuple(o.name for o in OBJECTIVES.values() if not o.supervised)


def correlation(contents: ReportContents) -> Figure:
    """Every data-driven objective against max SIC at its epochs, one point per complete trial."""
    names = [n for n in DATA_DRIVEN if valued(contents, n).num_rows]
    if not names:
        raise NotAvailable("no complete trial has a value of a data-driven objective.")
    judged = {n: valued(contents, sic_at(n)) for n in names}
    if not all(rows.num_rows for rows in judged.values()):
        raise NotAvailable("max SIC needs truth labels, and no complete trial has a value of it.")
    figure = new_figure(4.8 * len(names) + 0.6, 4.6)
    for place, name in enumerate(names, start=1):
        _draw_correlation(figure.add_subplot(1, len(names), place), contents, judged[name], name)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, markerscale=0.75)
    return figure


def history(contents: ReportContents) -> Figure:
    """The objective of every trial in order, with the best so far."""
    name = principal(contents)
    figure, axes = single(height=4.4)
    done = valued(contents, name)
    limits = robust_limits(values(done, name))
    _draw_trials(axes, contents, done, name, limits)
    _draw_best(axes, done, name)
    for state, marker in (("PRUNED", "|"), ("FAIL", "x")):
        _draw_unfinished(axes, contents.trials, state, marker, limits[0])
    axes.set_ylim(*_with_room(limits, 0.28))
    axes.set_xlim(_numbers(contents.trials).min() - 1, _numbers(contents.trials).max() + 1)
    axes.set_xlabel("trial")
    axes.set_ylabel(look(name).label)
    axes.legend(ncols=3, loc="upper center", fontsize=10)
    return figure


def _draw_correlation(axes: Axes, contents: ReportContents, judged: pa.Table, name: str) -> None:
    rows = judged.filter(pa.array(np.isfinite(values(judged, name))))
    x, y = values(rows, name), values(rows, sic_at(name))
    limits = robust_limits(x)
    _scatter(axes, contents, rows, np.clip(x, *limits), y)
    _ring(axes, contents, rows, np.clip(x, *limits), y)
    rank = rank_correlation(x, y)
    text = "not defined" if rank is None else f"{rank:+.2f}".replace("-", "−")
    axes.set_title(f"rank correlation {text}", fontsize=12, loc="left")
    margin = 0.03 * (limits[1] - limits[0])
    axes.set_xlim(limits[0] - margin, limits[1] + margin)
    axes.set_ylim(0, 1.1 * y.max())
    direction = "smaller is better" if name in MINIMISED else "larger is better"
    axes.set_xlabel(f"{look(name).label} ({direction})")
    axes.set_ylabel(look(sic_at(name)).label)
    axes.locator_params(axis="x", nbins=5)


def _scatter(
    axes: Axes,
    contents: ReportContents,
    rows: pa.Table,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
) -> None:
    known = detectors(contents.trials).tolist()
    own = detectors(rows)
    for detector in sorted(set(own.tolist())):
        style = detector_style(detector, known)
        chosen = own == detector
        axes.plot(x[chosen], y[chosen], ls="", ms=6.5, alpha=0.85, mew=0, label=detector, **style)


def _ring(
    axes: Axes,
    contents: ReportContents,
    rows: pa.Table,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
) -> None:
    """A ring around every trial that an objective chose, in that objective's colour."""
    ids = texts(rows, "trial_id")
    for size, (name, choice) in enumerate(choices(contents).items()):
        own = np.isin(ids, choice.get("trials") or [choice["trial_id"]])
        label, colour, _ = look(name)
        ring: dict[str, Any] = {"mfc": "none", "mec": colour, "mew": 1.6, "ms": 11 + 4 * size}
        axes.plot(x[own], y[own], "o", label=f"chosen by {label}", **ring)


def _draw_trials(
    axes: Axes, contents: ReportContents, done: pa.Table, name: str, limits: tuple[float, float]
) -> None:
    x, y = _numbers(done), np.clip(values(done, name), *limits)
    spread = np.nan_to_num(values(done, f"{name}_std"))
    axes.errorbar(x, y, spread, fmt="none", ecolor=GREY, elinewidth=1, alpha=0.6)
    _scatter(axes, contents, done, x, y)


def _draw_best(axes: Axes, done: pa.Table, name: str) -> None:
    order = np.argsort(_numbers(done))
    y = values(done, name)[order]
    best = np.minimum.accumulate(y) if name in MINIMISED else np.maximum.accumulate(y)
    colour = look(name).colour
    axes.step(_numbers(done)[order], best, where="post", color=colour, label="best so far")


def _draw_unfinished(axes: Axes, trials: pa.Table, state: str, marker: str, low: float) -> None:
    """Trials without a value to trust, marked along the lower edge."""
    x = _numbers(trials)[texts(trials, "state") == state]
    if len(x):
        label = f"{state.lower()} ({len(x)})"
        style: dict[str, Any] = {
            "color": "#b91c1c" if state == "FAIL" else GREY,
            "mew": 1.8,
            "ms": 8,
        }
        axes.plot(x, np.full(len(x), low), marker, ls="", label=label, **style)


def _with_room(limits: tuple[float, float], share: float) -> tuple[float, float]:
    """The limits with a margin below and room for a legend above."""
    span = limits[1] - limits[0]
    return limits[0] - 0.06 * span, limits[1] + share * span


def _numbers(trials: pa.Table) -> NDArray[np.float64]:
    """(n,) the number in each trial's name, or its row where there is none."""
    names = texts(trials, "trial_id")
    return np.array(
        [int(n) if n.isdecimal() else row for row, n in enumerate(names)], dtype=np.float64
    )
