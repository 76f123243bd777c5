"""The cells of a scan: every sample that setups are trained on, and the names of its seeds."""

from __future__ import annotations

import zlib
from typing import NamedTuple

from raysearch.samples import View
from raysearch.seeds import number

# More sets than anyone draws; trials of different detectors never meet in an index.
MOST_SETS = 2**16


class Cell(NamedTuple):
    """One sample of a scan.

    Attributes:
        mode: background template.
        features: feature set.
        n_signal: events injected, over all masses.
    """

    mode: str
    features: str
    n_signal: int

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.mode}-{self.features}-{self.n_signal}"

    @property
    def view(self) -> View:
        """Its mode and features."""
        return View(self.mode, self.features)

    def seed(self, seed: int) -> int:
        """The seed of all fits of the cell; halves are the same for all of its detectors."""
        return number(seed, "scan", self.mode, self.features, self.n_signal)

    def __str__(self) -> str:
        return f"{self.mode} {self.features} N = {self.n_signal}"


def trial_index(detector: str, number_of_set: int) -> int:
    """The index that decides a trial's fits, whichever other detectors and sets are scanned.

    Example:
        >>> trial_index("hgb", 3) - trial_index("hgb", 0)
        3
    """
    return zlib.crc32(detector.encode()) * MOST_SETS + number_of_set
