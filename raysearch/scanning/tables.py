"""The tables of a scan's page as plain text: picks, cells, failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from raysearch.objectives import VAL_SIC
from raysearch.report.looks import look
from raysearch.report.tables import NOTHING, Table
from raysearch.scanning.analysis import (
    Band,
    Pick,
    Values,
    band,
    best_by_repeat,
    chance,
    picks,
)


def pick_table(values: Values) -> Table:
    """By number of signal events and objective: what is picked, and how good it is."""
    rows = []
    for n in values.n_signal:
        best = picks(values, n, "max_sic") if "max_sic" in values.objectives else []
        lucky = chance(values, values.places, n)
        for name in values.objectives:
            found = picks(values, n, name)
            if found:
                told = [*_told(found, best), _against(values, n, name, lucky)]
                rows.append([str(n), look(name).label, *told])
    headings = ["N", "picked by", "most often", "max SIC, halves", "full statistics", "regret"]
    headings += ["ensembles", "val SIC against chance"]
    return Table(headings, rows, [True, False, False, *[True] * 4, False])


def _against(values: Values, n_signal: int, name: str, lucky: Band) -> str:
    """Whether the val SIC of the picks by it stands out from what luck makes of it."""
    if name != VAL_SIC.name or not np.isfinite(lucky.median):
        return NOTHING
    own = band(best_by_repeat(values, values.places, n_signal, name).values).median
    if own > lucky.high:
        return f"{own:.3f} > {lucky.high:.3f}"
    return f"{own:.3f} ≤ {lucky.high:.3f}: no preference"


def _told(found: list[Pick], best: list[Pick]) -> list[str]:
    """What is picked most often, its figures, and how many ensembles those are the median of.

    A setup has one ensemble, whatever repeat picked it: a band over repeats would tell no error.
    """
    (place, count), *others = Counter(pick.place for pick in found).most_common()
    pairs = zip(found, best, strict=True) if best else ()
    ratios = np.array([pick.full / top.full if top.full else np.nan for pick, top in pairs])
    half, full = (band(np.array([getattr(p, stage) for p in found])) for stage in ("half", "full"))
    often = f"{' '.join(place)} ({count} of {len(found)})"
    figures = [_banded(half), _median(full), _median(band(ratios))]
    return [often, *figures, str(1 + len(others))]


def _banded(found: Band) -> str:
    if not np.isfinite(found.median):
        return NOTHING
    return f"{_median(found)} [{found.low:.2f}, {found.high:.2f}]"


def _median(found: Band) -> str:
    return f"{found.median:.2f}" if np.isfinite(found.median) else NOTHING


def cell_table(cells: Mapping[str, Mapping[str, Any]]) -> Table:
    """By cell: events of each kind, and the check of its density."""
    names = ("data", "template", "injected_in_signal_region", "test_signal", "test_background")
    headings = ["cell", *(name.replace("_", " ") for name in names), "density check, AUC"]
    rows = [
        [cell, *(f"{about['counts'].get(name, 0):,}" for name in names), _auc(about)]
        for cell, about in cells.items()
    ]
    return Table(headings, rows, [False, *[True] * (len(names) + 1)])


def _auc(about: Mapping[str, Any]) -> str:
    check = (about.get("density") or {}).get("check")
    return f"{check['auc']:.4f} ± {check['auc_error']:.4f}" if check else NOTHING


def failures(table: pa.Table) -> list[tuple[str, int]]:
    """The reasons of failed fits, the commonest first, each with their number."""
    reasons = [reason for reason in table["error"].to_pylist() if reason is not None]
    return Counter(reasons).most_common()
