"""Density of the features given the mass, estimated from sideband events."""

from raysearch.density.choice import (
    PLAIN,
    Attempt,
    Choice,
    Conduct,
    Fit,
    Sidebands,
    choose_density,
    suggested_sets,
)
from raysearch.density.fit import Density, fit_density
from raysearch.density.masses import draw_masses
from raysearch.density.settings import (
    ESTIMATORS,
    CathodeSettings,
    cathode_from_json,
    cathode_from_words,
)
from raysearch.density.training import DivergedError, Halt, Say

__all__ = [
    "ESTIMATORS",
    "PLAIN",
    "Attempt",
    "CathodeSettings",
    "Choice",
    "Conduct",
    "Density",
    "DivergedError",
    "Fit",
    "Halt",
    "Say",
    "Sidebands",
    "cathode_from_json",
    "cathode_from_words",
    "choose_density",
    "draw_masses",
    "fit_density",
    "suggested_sets",
]
