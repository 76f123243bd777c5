"""What the first fit of a family imports: seconds that are no part of what a trial takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import import_module
from types import MappingProxyType

_OF_NETWORKS = ("raysearch.training.packed", "raysearch.detectors.mlp_snapshot")
_OF_TREES = ("sklearn.ensemble", "lightgbm")
_LATE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "mlp": _OF_NETWORKS,
        "piecewise_mlp": _OF_NETWORKS,
        "hgb": _OF_TREES[:1],
        "adaboost": _OF_TREES,
        "lightgbm": _OF_TREES,
        "random_forest": _OF_TREES,
    }
)


def warm(family: str) -> None:
    """Import what fits of a family need, before a clock is read that must not count it.

    Args:
        family: name of a detector; of one that imports nothing late there is nothing to do.
    """
    for module in _LATE.get(family, ()):
        import_module(module)


def warm_all(families: Iterable[str]) -> None:
    """Import what fits of some families need; what cannot be had is its first trial's to say."""
    for family in families:
        with suppress(Exception):
            warm(family)
