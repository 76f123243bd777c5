"""Curves over the thresholds of a score: SIC, ROC and the validation SIC.

References:
    How to pick the best anomaly detector? (Hein et al., 2025), arXiv:2511.14832
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from raysearch.metrics import Efficiencies, efficiencies, sic_curve, smallest_background_efficiency
from raysearch.report.contents import (
    OPTIMAL,
    NotAvailable,
    ReportContents,
    choices,
    data_and_template,
    signal_and_background,
    with_optimal,
)
from raysearch.report.looks import look, thin
from raysearch.report.style import GREY, single


def sic(contents: ReportContents) -> Figure:
    """Significance improvement against signal efficiency on test events."""
    figure, axes = single()
    tops = [
        _draw(axes, name, contents, curve.positive, sic_curve(curve), _known(curve))
        for name, curve in _test_curves(contents).items()
    ]
    share = np.linspace(0, 1, 101)
    axes.plot(share, np.sqrt(share), color=GREY, ls=":", label="random")
    axes.set(xlim=(0, 1), ylim=(0, 1.12 * max(1.0, *tops)))
    axes.set_xlabel(r"signal efficiency $\epsilon_S$")
    axes.set_ylabel(r"significance improvement $\epsilon_S/\sqrt{\epsilon_B}$")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def roc(contents: ReportContents) -> Figure:
    """Background rejection against signal efficiency on test events."""
    figure, axes = single()
    tops = [
        _draw(axes, name, contents, curve.positive, _inverse(curve.negative), _known(curve))
        for name, curve in _test_curves(contents).items()
    ]
    share = np.geomspace(1e-3, 1, 101)
    axes.plot(share, 1 / share, color=GREY, ls=":", label="random")
    axes.set(xlim=(0, 1), ylim=(1, 8 * max(1.0, *tops)), yscale="log")
    axes.set_xlabel(r"signal efficiency $\epsilon_S$")
    axes.set_ylabel(r"background rejection $1/\epsilon_B$")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def val_sic(contents: ReportContents) -> Figure:
    """Validation SIC against template efficiency, on out-of-fold scores."""
    figure, axes = single()
    tops, ends = [], []
    for name in with_optimal(contents):
        curve = _thinned(efficiencies(*data_and_template(contents, name)[:2]))
        tpr, fpr = curve.positive, curve.negative
        improvement = tpr * np.sqrt(_inverse(fpr)) - np.sqrt(fpr)
        tops.append(_draw(axes, name, contents, fpr, improvement, _known(curve)))
        ends.append(smallest_background_efficiency(curve.n_negative))
    top = max(tops)
    axes.axhline(0, color=GREY, ls=":", label="random")
    _draw_floor(axes, contents)
    axes.set(xlim=(min(ends) / 8, 1), ylim=(-0.1 * top - 0.01, 1.2 * top + 0.02), xscale="log")
    axes.set_xlabel("template efficiency fpr")
    axes.set_ylabel(r"$\mathrm{tpr}/\sqrt{\mathrm{fpr}}-\sqrt{\mathrm{fpr}}$")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def _test_curves(contents: ReportContents) -> dict[str, Efficiencies]:
    return {
        name: _thinned(efficiencies(*signal_and_background(contents, name)[:2]))
        for name in with_optimal(contents)
    }


def _draw(
    axes: Axes,
    name: str,
    contents: ReportContents,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    known: NDArray[np.bool_],
) -> float:
    """Draw one curve, pale where it is not `known`; its largest known value, 0 if none is."""
    _, colour, width = look(name)
    style = "--" if name == OPTIMAL else "-"
    drawable = np.isfinite(y)
    # The pale part ends where the known one begins, so that the two meet.
    pale = drawable & ~(known & np.roll(known, 1))
    axes.plot(x[pale], y[pale], color=colour, lw=1.0, ls=(0, (2, 2)), alpha=0.45)
    solid = drawable & known
    axes.plot(x[solid], y[solid], color=colour, lw=width, ls=style, label=_label(name, contents))
    return float(y[solid].max(initial=0.0))


def _label(name: str, contents: ReportContents) -> str:
    if name == OPTIMAL:
        return look(name).label
    choice = choices(contents)[name]
    if choice.get("trials"):
        return f"{look(name).label}: {choice['setup']['detector']}"
    return f"chosen by {look(name).label}: {choice['setup']['detector']} {choice['trial_id']}"


def _draw_floor(axes: Axes, contents: ReportContents) -> None:
    """The noise floor of the study's own choice, where the selection knows it."""
    first = next(iter(choices(contents).values()))
    floor = (first.get("ensemble") or {}).get("val_sic_floor_95")
    if floor is not None:
        axes.axhline(floor, color=GREY, ls="-.", lw=1.2, label="noise floor, 95%")


def _thinned(curve: Efficiencies) -> Efficiencies:
    """At most some hundred points of the curve, those of its maxima among them.

    Raises:
        NotAvailable: if no threshold has a background efficiency known to 20%.
    """
    known = np.flatnonzero(_known(curve))
    if not len(known):
        raise NotAvailable(
            f"{curve.n_negative} background events are too few: no efficiency is known to 20%."
        )
    ratio = curve.positive[known] * np.sqrt(_inverse(curve.negative[known]))
    peaks = [np.argmax(ratio), np.argmax(ratio - np.sqrt(curve.negative[known]))]
    keep = np.union1d(thin(len(curve.positive)), known[peaks])
    return curve._replace(positive=curve.positive[keep], negative=curve.negative[keep])


def _known(curve: Efficiencies) -> NDArray[np.bool_]:
    return curve.negative > smallest_background_efficiency(curve.n_negative)


def _inverse(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """1/share, NaN where the share is 0."""
    return np.divide(1.0, share, out=np.full_like(share, np.nan), where=share > 0)
