"""Density of the features given the mass, estimated from sideband events."""

from raysearch.density.choice import (
    Attempt,
    Choice,
    Fit,
    Runs,
    choose_density,
    one_after_another,
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
from raysearch.density.training import Say

__all__ = [
    "ESTIMATORS",
    "Attempt",
    "CathodeSettings",
    "Choice",
    "Density",
    "Fit",
    "Runs",
    "Say",
    "cathode_from_json",
    "cathode_from_words",
    "choose_density",
    "draw_masses",
    "fit_density",
    "one_after_another",
    "suggested_sets",
]
