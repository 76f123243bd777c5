"""What a study found, once its choices are made: the verdict and the SIC curves.

A trial stores its metrics and not its scores, so that a SIC curve exists only of the setups that
were retrained when the search was over.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from raysearch.live.plain import number, text
from raysearch.metrics import Efficiencies, efficiencies, sic_curve, smallest_background_efficiency
from raysearch.report.answer import answer
from raysearch.report.contents import (
    NotAvailable,
    ReportContents,
    signal_and_background,
    with_optimal,
)
from raysearch.report.looks import look, thin
from raysearch.study import SCORES, SELECTION, TRIALS, load_study

_POINTS = 240
# Beyond any that raysearch writes: a crafted one shall not fill the memory.
_MOST_BYTES = {SELECTION: 10_000_000, TRIALS: 500_000_000, SCORES: 2_000_000_000}
Stamp = tuple[int, int, int]


def stamp(directory: Path) -> Stamp | None:
    """What changes whenever the choices are written anew; None before there are any."""
    try:
        # It is written last.
        found = (directory / SELECTION).stat()
    except OSError:
        return None
    is_file = stat.S_ISREG(found.st_mode)
    return (found.st_ino, found.st_mtime_ns, found.st_size) if is_file else None


def outcome(directory: Path) -> dict[str, Any]:
    """The verdict in words and the SIC curves of the choices, as JSON holds them.

    Returns:
        `headline`, `sentences`, `curves` and, where there are none, `absence`, which says why.
    """
    try:
        return _outcome(directory)
    except Exception as error:  # files may hold anything, and a page is no place for a traceback
        return _empty(f"the files of the choices cannot be read ({type(error).__name__})")


def _outcome(directory: Path) -> dict[str, Any]:
    for name, most in _MOST_BYTES.items():
        path = directory / name
        if path.is_file() and path.stat().st_size > most:
            return _empty(f"{name} is larger than {most / 1e6:.0f} MB")
    study = load_study(directory)
    about = study.about
    settings = {"name": directory.name, **about["settings"]}
    contents = ReportContents(settings, study.table(), study.selection, study.scores())
    found = answer(contents)
    told = _empty(None)
    told |= {"headline": text(found.headline), "sentences": [text(s, 600) for s in found.sentences]}
    try:
        told["curves"] = [_curve(contents, name) for name in with_optimal(contents)]
    except NotAvailable as reason:
        told["absence"] = text(reason)
    return told


def _empty(absence: str | None) -> dict[str, Any]:
    return {"headline": "", "sentences": [], "curves": [], "absence": absence}


def _curve(contents: ReportContents, name: str) -> dict[str, Any]:
    """Signal efficiency and SIC at some thresholds where the background is known to 20%."""
    curve = efficiencies(*signal_and_background(contents, name)[:2])
    improvement = sic_curve(curve)
    keep = _kept(curve, improvement)
    return {
        "name": text(name, 40),
        "label": text(look(name).label, 60),
        "x": [number(float(x)) for x in curve.positive[keep]],
        "y": [number(float(y)) for y in improvement[keep]],
    }


def _kept(curve: Efficiencies, improvement: NDArray[np.float64]) -> NDArray[np.intp]:
    """Places of some hundred thresholds, the one of the maximum among them."""
    known = np.flatnonzero(curve.negative > smallest_background_efficiency(curve.n_negative))
    if not len(known):
        raise NotAvailable(
            f"{curve.n_negative} background events are too few: no efficiency is known to 20%."
        )
    peak = known[np.argmax(improvement[known])]
    return np.union1d(known[thin(len(known), _POINTS)], peak)
