"""Named feature sets: which columns of an event file a study uses, and what a detector sees.

A name may end in ``+rotated`` and ``+noiseN``: variants that test how robust a setup is.

References:
    physics of the sets: arXiv:2309.13111 (extended sets), arXiv:2109.00546 (baseline, delta R)
    How to pick the best anomaly detector? (Hein et al., 2025), arXiv:2511.14832: rotated inputs and
    uninformative Gaussian inputs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from raysearch.errors import InputError, unknown_name
from raysearch.events import Events

_MASSES = ("mj1", "delta_mj")


@dataclass(frozen=True)
class FeatureSet:
    """The columns of one feature set, j1 being the lighter of the two leading jets.

    Attributes:
        name: how the user calls it, variants included.
        columns: what is read from the events.
        rotated: whether the standardised columns are rotated at random.
        n_noise: how many uninformative Gaussian inputs are appended.
    """

    name: str
    columns: tuple[str, ...]
    rotated: bool = False
    n_noise: int = 0

    @property
    def varied(self) -> bool:
        """Whether a detector sees anything but the columns."""
        return self.rotated or self.n_noise > 0

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what a detector sees."""
        numbered = tuple(f"rotated_{k + 1}" for k in range(len(self.columns)))
        noise = tuple(f"noise_{k + 1}" for k in range(self.n_noise))
        return (numbered if self.rotated else self.columns) + noise


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


_VARIANT = re.compile(r"(?P<rotated>\+rotated)?(\+noise(?P<n_noise>[1-9][0-9]{0,3}))?")


def feature_set(name: str) -> FeatureSet:
    """The feature set called `name`, such as "baseline" or "extended_2+rotated+noise10".

    Raises:
        InputError: if the set or its variant is unknown, with the nearest known.
    """
    base, plus, rest = name.partition("+")
    if base not in FEATURE_SETS:
        raise unknown_name("feature set", base, FEATURE_SETS)
    variant = _VARIANT.fullmatch(plus + rest)
    if variant is None:
        raise InputError(
            "a feature set may be followed by '+rotated' and '+noiseN' in this order, N from 1 to "
            f"9999, but got {name!r}; write e.g. '{base}+rotated+noise10'."
        )
    return replace(
        FEATURE_SETS[base],
        name=name,
        rotated=variant["rotated"] is not None,
        n_noise=int(variant["n_noise"] or 0),
    )


def union(names: Iterable[str]) -> tuple[str, ...]:
    """The columns that any of these feature sets reads, each once.

    Raises:
        InputError: if a set or its variant is unknown.

    Example:
        >>> union(["baseline", "baseline_dr"]) == feature_set("baseline_dr").columns
        True
    """
    return tuple(dict.fromkeys(c for name in names for c in feature_set(name).columns))


def select_columns(events: Events, name: str) -> Events:
    """The events with exactly the columns that the feature set reads, in its order.

    Raises:
        InputError: if the set is unknown or the events lack columns of it, which are named.
    """
    return _with_columns(events, name, feature_set(name).columns)


def select_union(events: Events, names: Sequence[str]) -> Events:
    """The events with exactly the columns that any of these feature sets reads; see `union`.

    Raises:
        InputError: if a set is unknown or the events lack columns of it, which are named.
    """
    for name in names:
        _check_columns(events, name, feature_set(name).columns)
    return _only(events, union(names))


def select(events: Events, name: str) -> Events:
    """The events with exactly the inputs of a detector on this feature set, in its order.

    Without a variant these are the columns that the set reads; with one they are what
    `Variation.apply` makes of them.

    Raises:
        InputError: if the set is unknown or the events lack inputs, which are named.
    """
    return _with_columns(events, name, feature_set(name).inputs)


def _with_columns(events: Events, name: str, wanted: tuple[str, ...]) -> Events:
    _check_columns(events, name, wanted)
    return _only(events, wanted)


def _check_columns(events: Events, name: str, wanted: tuple[str, ...]) -> None:
    missing = [column for column in wanted if column not in events.columns]
    if missing:
        raise InputError(
            f"feature set {name!r} needs the columns {', '.join(missing)}, which the events lack; "
            f"they have {', '.join(events.columns)}. Choose another set or add the columns."
        )


def _only(events: Events, wanted: tuple[str, ...]) -> Events:
    index = [events.columns.index(column) for column in wanted]
    return Events(
        events.features[:, index],
        wanted,
        tuple(events.units[i] for i in index),
        events.mjj_tev,
        events.labels,
    )
