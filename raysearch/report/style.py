"""The look of every figure: one style, one colour per objective, one marker per detector."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import mplhep
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

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


class Look(NamedTuple):
    """How an objective is named and drawn.

    Attributes:
        label: its name in a legend or on an axis.
        colour: its colour in every figure.
        width: of its line; they differ, so that curves of one setup chosen twice stay visible.
    """

    label: str
    colour: str
    width: float


_LOOKS: Mapping[str, Look] = {
    "val_sic": Look("val SIC", "#0072B2", 2.4),
    "val_loss": Look("val loss", "#D55E00", 3.2),
    "max_sic": Look("max SIC", "#009E73", 1.3),
    "cross_sic": Look("cross-fitted SIC", "#56B4E9", 2.0),
    "sic_bound": Look("SIC bound", "#E69F00", 2.0),
    "sic_area": Look("SIC area", "#8B1A4A", 2.0),
    "excess_significance": Look("significance of the excess", "#6A3D9A", 2.0),
    "recommended": Look("the recommended mean", "#CC79A7", 2.0),
    "optimal": Look("likelihood ratio (optimal)", "#000000", 1.5),
}
_SIC_AT = "max_sic_at_"
_OTHERS = ("#CC79A7", "#56B4E9", "#E69F00")

# Tol's muted palette: no colour of an objective returns as that of a detector.
_DETECTOR_COLOURS = ("#332288", "#CC6677", "#44AA99", "#999933", "#882255", "#88CCEE", "#AA4499")
_DETECTOR_MARKERS = "os^DvPX"


def look(objective: str) -> Look:
    """How this objective is drawn; one unknown gets a colour that follows from its name."""
    if objective.startswith(_SIC_AT):
        _, colour, width = look(other := objective.removeprefix(_SIC_AT))
        return Look(f"max SIC at best {look(other).label}", colour, width)
    other = _OTHERS[sum(objective.encode()) % len(_OTHERS)]
    return _LOOKS.get(objective, Look(objective.replace("_", " "), other, 1.8))


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


def thin(length: int, keep: int = 800) -> NDArray[np.intp]:
    """Indices of at most `keep` of the points of a curve, denser where it begins.

    Example:
        >>> thin(5).tolist()
        [0, 1, 2, 3, 4]
    """
    if length <= keep:
        return np.arange(length)
    half = keep // 2
    logarithmic = np.geomspace(1, length, half).astype(np.intp) - 1
    linear = np.linspace(0, length - 1, half).astype(np.intp)
    return np.unique(np.concatenate([logarithmic, linear]))


def _bytes(figure: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    # No date, so that equal contents give equal files.
    metadata = {"CreationDate": None} if kind == "pdf" else {}
    figure.savefig(buffer, format=kind, dpi=DPI, metadata=metadata)
    return buffer.getvalue()
