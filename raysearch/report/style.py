"""The look of every figure: one style, one marker per detector; see `looks` for objectives."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import mplhep
from matplotlib.axes import Axes
from matplotlib.figure import Figure

DPI = 130
GREY = "#6b7280"

# Okabe and Ito's palette, which the colour-blind tell apart.
DATA, TEMPLATE, SIGNAL = "#000000", "#0072B2", "#D55E00"
CUTS = ("#E69F00", "#D55E00", "#8B1A4A")

STYLE: Mapping[str, Any] = {
    **mplhep.style.ATLAS,
    "axes.autolimit_mode": "data",
    "axes.formatter.limits": (-4, 5),
    "axes.formatter.use_mathtext": False,
    "axes.formatter.useoffset": False,
    "axes.labelpad": 5.0,
    "axes.labelsize": 14,
    "axes.unicode_minus": True,
    "figure.constrained_layout.use": True,
    "font.sans-serif": ["TeX Gyre Heros", "DejaVu Sans"],
    "font.size": 12,
    "legend.borderpad": 0.4,
    "legend.fontsize": 11,
    "lines.linewidth": 1.8,
    "mathtext.fontset": "stixsans",
    "xtick.labelsize": 12,
    "xtick.major.pad": 6,
    "ytick.labelsize": 12,
    "ytick.major.size": 6,
    "ytick.minor.size": 3,
}


# Tol's muted palette: no colour of an objective returns as that of a detector.
_DETECTOR_COLOURS = ("#332288", "#CC6677", "#44AA99", "#999933", "#882255", "#88CCEE", "#AA4499")
_DETECTOR_MARKERS = "os^DvPX"


def detector_style(detector: str, known: Sequence[str]) -> dict[str, Any]:
    """Colour and marker of a detector among all those of the study."""
    place = sorted(set(known)).index(detector)
    return {
        "color": _DETECTOR_COLOURS[place % len(_DETECTOR_COLOURS)],
        "marker": _DETECTOR_MARKERS[place % len(_DETECTOR_MARKERS)],
    }


def new_figure(width: float = 7.2, height: float = 4.8) -> Figure:
    """An empty figure, in inches, that pyplot knows nothing of."""
    return Figure(figsize=(width, height), layout="constrained")


def single(width: float = 7.2, height: float = 4.8) -> tuple[Figure, Axes]:
    """A figure with one pair of axes."""
    figure = new_figure(width, height)
    return figure, figure.add_subplot()


def encode(draw: Callable[[], Figure]) -> dict[str, bytes]:
    """The figure as the bytes of a PNG and of a PDF, drawn in the style of the report.

    The global settings of matplotlib are the same afterwards as before.
    """
    settings: Any = dict(STYLE)
    with mpl.rc_context(settings):
        figure = draw()
        png = _bytes(figure, "png")
        figure.set_layout_engine("none")  # laid out already; once more would take as long again
        return {"png": png, "pdf": _bytes(figure, "pdf")}


def _bytes(figure: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    # No date, so that equal contents give equal files.
    metadata = {"CreationDate": None} if kind == "pdf" else {}
    figure.savefig(buffer, format=kind, dpi=DPI, metadata=metadata)
    return buffer.getvalue()
