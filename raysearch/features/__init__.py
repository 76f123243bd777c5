"""Named feature sets: which columns a detector sees.

References:
    physics of the sets: arXiv:2309.13111 (extended sets), arXiv:2109.00546 (baseline, delta R)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from raysearch.errors import InputError, unknown_name
from raysearch.events import Events

_MASSES = ("mj1", "delta_mj")


@dataclass(frozen=True)
class FeatureSet:
    """The columns of one feature set, j1 being the lighter of the two leading jets."""

    name: str
    columns: tuple[str, ...]


def _both_jets(*names: str, suffix: str = "") -> tuple[str, ...]:
    return tuple(f"{name}j{jet}{suffix}" for jet in (1, 2) for name in names)


def _taus(last: int, suffix: str = "") -> tuple[str, ...]:
    return _both_jets(*(f"tau{n}" for n in range(1, last + 1)), suffix=suffix)


BASELINE = FeatureSet("baseline", _MASSES + _both_jets("tau21"))
BASELINE_DR = FeatureSet("baseline_dr", (*BASELINE.columns, "delta_r"))
EXTENDED_1 = FeatureSet("extended_1", _MASSES + _both_jets("tau21", "tau32", "tau43", "tau54"))
EXTENDED_2 = FeatureSet("extended_2", _MASSES + _taus(5))
EXTENDED_3 = FeatureSet("extended_3", _MASSES + _taus(9, "_5") + _taus(9) + _taus(9, "_2"))

FEATURE_SETS: Mapping[str, FeatureSet] = MappingProxyType(
    {s.name: s for s in (BASELINE, BASELINE_DR, EXTENDED_1, EXTENDED_2, EXTENDED_3)}
)


def feature_set(name: str) -> FeatureSet:
    """The feature set called `name`; an unknown one raises InputError with the nearest known."""
    if name not in FEATURE_SETS:
        raise unknown_name("feature set", name, FEATURE_SETS)
    return FEATURE_SETS[name]


def select(events: Events, name: str) -> Events:
    """The events with exactly the columns of the feature set, in its order.

    Raises:
        InputError: if the set is unknown or the events lack columns of it, which are named.
    """
    wanted = feature_set(name)
    missing = [column for column in wanted.columns if column not in events.columns]
    if missing:
        raise InputError(
            f"feature set {name!r} needs the columns {', '.join(missing)}, which the events lack; "
            f"they have {', '.join(events.columns)}. Choose another set or add the columns."
        )
    index = [events.columns.index(column) for column in wanted.columns]
    return Events(
        events.features[:, index],
        wanted.columns,
        tuple(events.units[i] for i in index),
        events.mjj_tev,
        events.labels,
    )
