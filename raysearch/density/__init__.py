"""Density of the features given the mass, estimated from sideband events."""

from raysearch.density.fit import Density, fit_density
from raysearch.density.masses import draw_masses
from raysearch.density.settings import (
    ESTIMATORS,
    CathodeSettings,
    cathode_from_json,
    cathode_from_words,
)
from raysearch.density.training import Halt, Say

__all__ = [
    "ESTIMATORS",
    "CathodeSettings",
    "Density",
    "Halt",
    "Say",
    "cathode_from_json",
    "cathode_from_words",
    "draw_masses",
    "fit_density",
]
