"""LHC Olympics extended features: tau1 to tau9 for beta = 1, 2 and 0.5.

In the file the suffixes of the names are _1, _2 and _5; the canonical names drop the _1.

References:
    How to pick the best anomaly detector? (Hein et al., 2025), arXiv:2511.14832
"""

from __future__ import annotations

import h5py

from raysearch.events.dijets import Subjettiness
from raysearch.events.lhco_features import names_of, open_dijets
from raysearch.events.table import EventFormat

TAUS = Subjettiness(n_taus=9, suffixes=(("_1", ""), ("_2", "_2"), ("_5", "_5")))


def _recognises(file: h5py.File) -> bool:
    return not names_of(file).isdisjoint(("tau1j1_1", "tau2j1_1", "tau1j2_1"))


LHCO_EXTENDED = EventFormat(
    "LHCO extended features", _recognises, lambda file: open_dijets(file, TAUS)
)
