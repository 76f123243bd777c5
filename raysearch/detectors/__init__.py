"""Detector families; DETECTORS maps the names users give to them."""

from collections.abc import Mapping
from types import MappingProxyType

from raysearch.detectors.adaboost import ADABOOST
from raysearch.detectors.base import Detector, Fit, Member, Parameters, Snapshot, with_defaults
from raysearch.detectors.hgb import HGB
from raysearch.detectors.lightgbm import LIGHTGBM
from raysearch.detectors.mlp import MLP
from raysearch.detectors.piecewise_mlp import PIECEWISE_MLP
from raysearch.detectors.random_forest import RANDOM_FOREST
from raysearch.errors import unknown_name

__all__ = ["DETECTORS", "Detector", "Fit", "Member", "Parameters", "Snapshot", "check", "detector"]

DETECTORS: Mapping[str, Detector] = MappingProxyType(
    {d.name: d for d in (MLP, PIECEWISE_MLP, HGB, LIGHTGBM, ADABOOST, RANDOM_FOREST)}
)


def detector(name: str) -> Detector:
    """The detector called `name`; an unknown one raises InputError with the nearest known."""
    if name not in DETECTORS:
        raise unknown_name("detector", name, DETECTORS)
    return DETECTORS[name]


def check(name: str, parameters: Parameters) -> None:
    """Raise InputError unless the detector and all its hyperparameters are known."""
    with_defaults(name, detector(name).defaults, parameters)
