"""The report of a scan: its figures and one page with them and what they say in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure

from raysearch.files import replacing
from raysearch.report.contents import NotAvailable
from raysearch.report.figures import Caption, Rendered
from raysearch.report.page import render
from raysearch.report.style import encode
from raysearch.report.tables import inputs, provenance
from raysearch.report.write import write_figure
from raysearch.scanning import figures
from raysearch.scanning.analysis import Values, values_of
from raysearch.scanning.table import FULL, HALF
from raysearch.scanning.tables import cell_table, failures, pick_table

FIGURES: Mapping[str, tuple[Callable[[Values], Figure], Caption]] = MappingProxyType(
    {
        "picking": (
            figures.picking,
            Caption(
                "Picking the setup",
                "In each repeat every mode, feature set and detector stands with its chosen "
                "hyperparameters, and the objective picks the best of them: left with the max SIC "
                "of that very fit on a half, at the epoch that is best by the objective, right "
                "with that of the picked setup's ensemble on the full statistics. Lines: median "
                "over repeats; bands, on halves alone: 16-84%. A setup has one ensemble, whatever "
                "repeat picked it, so that the right side has no band. Val SIC and val loss of "
                "different modes compare only roughly: templates differ in size.",
            ),
        ),
        "max_sic": (
            figures.max_sic,
            Caption(
                "Max SIC of the hyperparameters that each objective chooses",
                "Lines and bands: median and 16-84% over the fits on halves of the chosen set, "
                "each at the epoch that is best by the objective (by labels for max SIC alone). "
                "Rings: its ensemble on the full statistics. The events are the same in all "
                "repeats, so the band tells nothing of another draw of events.",
            ),
        ),
        "metrics": (
            figures.metrics,
            Caption(
                "The metrics themselves",
                "Each metric at the set with the best mean of it, median and 16-84% over repeats. "
                "Where a data-driven metric does not rise with N there is nothing to choose by. "
                "Grey: what luck alone makes of val SIC, by permuted classes that went through the "
                "same best epochs and the same choice among sets and detectors. "
                "The dotted line at ln 2 is the loss of a blind classifier.",
            ),
        ),
        "correlation": (
            figures.correlation,
            Caption(
                "Does the metric prefer what labels would prefer?",
                "Spearman's rank correlation over the hyperparameter sets between the metric and "
                "max SIC at its best epochs, both averaged over repeats; bars are bootstrap "
                "errors. One is perfect, below zero the metric misleads.",
            ),
        ),
        "half_full": (
            figures.half_full,
            Caption(
                "Half against full statistics",
                "Each point is one choice at one number of signal events: above the diagonal the "
                "ensemble on all rows is better than the fits on halves.",
            ),
        ),
    }
)


def write_scan_report(directory: Path, about: Mapping[str, Any], table: pa.Table) -> Path:
    """Write `report.html`, `figures/*.png` and `figures/*.pdf`; the path of the page.

    Args:
        directory: of the scan.
        about: what scan.json holds.
        table: of the scan, perhaps unfinished.
    """
    values = values_of(table, about["settings"])
    drawn = [_rendered(name, values) for name in FIGURES]
    (directory / "figures").mkdir(parents=True, exist_ok=True)
    for figure in drawn:
        write_figure(figure, directory / "figures")
    page = directory / "report.html"
    with replacing(page) as temporary:
        temporary.write_text(_page(directory.name, about, table, values, drawn), "utf-8")
    return page


def _rendered(name: str, values: Values) -> Rendered:
    draw, caption = FIGURES[name]
    try:
        if not values.half:
            raise NotAvailable("no trial has ended.")
        return Rendered(name, caption, encode(lambda: draw(values)))
    except NotAvailable as reason:
        return Rendered(name, caption, {}, str(reason))


def _page(
    name: str,
    about: Mapping[str, Any],
    table: pa.Table,
    values: Values,
    drawn: list[Rendered],
) -> str:
    told = {k: v for k, v in about.items() if k not in ("settings", "cells")}
    return render(
        "scanning/page.html",
        name=name,
        state=_state(about, table),
        answer=pick_table(values),
        cells=cell_table(about.get("cells", {})),
        provenance=provenance({**about["settings"], **told}),
        inputs=inputs(about),
        failures=failures(table),
        figures=drawn,
    )


def _state(about: Mapping[str, Any], table: pa.Table) -> str:
    stages = Counter(table["stage"].to_pylist())
    state = "complete" if about.get("complete") else "not complete yet"
    text = f"{stages[HALF]:,} fits on halves and {stages[FULL]:,} final ensembles; {state}."
    return f"{text} {_spent(about, table)}".rstrip()


def _spent(about: Mapping[str, Any], table: pa.Table) -> str:
    """What the fits took, and what was expected of a complete scan."""
    if "estimate" not in about:
        return ""
    expected = sum(h for name, h in about["estimate"]["cpu_hours"].items() if name != "density")
    hours = (pc.sum(table["seconds"]).as_py() or 0.0) / 3600
    return f"They took {hours:.2g} worker hours; {expected:.2g} were estimated for all."
