"""Density of the features given the mass, estimated from sideband events.

What needs torch, `raysearch.density.fit`, is imported where a density is trained.
"""

from raysearch.density.conduct import PLAIN, Conduct, Fit, Sidebands
from raysearch.density.estimators import Halt, Say
from raysearch.density.masses import draw_masses
from raysearch.density.settings import (
    ESTIMATORS,
    CathodeSettings,
    cathode_from_json,
    cathode_from_words,
)

__all__ = [
    "ESTIMATORS",
    "PLAIN",
    "CathodeSettings",
    "Conduct",
    "Fit",
    "Halt",
    "Say",
    "Sidebands",
    "cathode_from_json",
    "cathode_from_words",
    "draw_masses",
]
