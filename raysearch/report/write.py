"""Writes a report to a directory; whoever reads meanwhile sees the old files or the new."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from raysearch.files import replacing
from raysearch.report.contents import ReportContents
from raysearch.report.figures import Rendered, render_figures
from raysearch.report.page import render_page

SUFFIXES = ("png", "pdf")


def write_report(
    contents: ReportContents, directory: Path, others: Sequence[ReportContents] = ()
) -> Path:
    """Write `report.html`, `figures/*.png` and `figures/*.pdf`.

    The page needs no other file and no network. Figures that this study cannot have are explained
    on the page, and files of theirs from an earlier report are removed.

    Args:
        contents: what the report tells.
        directory: where to; made if it is missing.
        others: studies of the same events that it is compared with.

    Returns:
        The path of the page.

    Raises:
        InputError: if another study has other events.
    """
    figures = list(render_figures(contents))
    (directory / "figures").mkdir(parents=True, exist_ok=True)
    for figure in figures:
        write_figure(figure, directory / "figures")
    page = directory / "report.html"
    _replace(page, render_page(contents, figures, others).encode())
    return page


def write_figure(figure: Rendered, directory: Path) -> None:
    """Write the files of a figure; those of an absent one are removed."""
    for suffix in SUFFIXES:
        path = directory / f"{figure.name}.{suffix}"
        if suffix in figure.files:
            _replace(path, figure.files[suffix])
        else:
            path.unlink(missing_ok=True)


def _replace(path: Path, content: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)
