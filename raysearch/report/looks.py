"""How objectives are called and coloured on every page; known without matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


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


def look(objective: str) -> Look:
    """How this objective is drawn; one unknown gets a colour that follows from its name."""
    if objective.startswith(_SIC_AT):
        _, colour, width = look(other := objective.removeprefix(_SIC_AT))
        return Look(f"max SIC at best {look(other).label}", colour, width)
    other = _OTHERS[sum(objective.encode()) % len(_OTHERS)]
    return _LOOKS.get(objective, Look(objective.replace("_", " "), other, 1.8))


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
