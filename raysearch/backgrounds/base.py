"""From events to the two samples a weakly supervised classifier separates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from raysearch.errors import InputError
from raysearch.events import Events, concatenate
from raysearch.regions import Window
from raysearch.samples import Pools, Rows, TwoSample

MIN_EVENTS = 100
# Two folds of both classes, and a few events in each.
MIN_DATA = 10


@dataclass(frozen=True, eq=False)
class Generated:
    """How good a generated template is, in events that were set aside for asking.

    Attributes:
        samples: generated at the masses of `held_out`.
        held_out: sideband events that the generator has never seen.
        about: how its training went, in plain values.
    """

    samples: Events
    held_out: Events
    about: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Classes:
    """The two classes of a mode.

    Attributes:
        data: class 1.
        template: class 0.
        generated: how the template was made, if it was.
    """

    data: Events
    template: Events
    generated: Generated | None = None


class Background(Protocol):
    """A mode: who is class 0 and who is class 1."""

    @property
    def name(self) -> str:
        """How the user calls it."""
        ...

    @property
    def needs_template(self) -> bool:
        """Whether simulated background of the signal region is class 0."""
        ...

    @property
    def takes_template(self) -> bool:
        """Whether simulated background of the signal region is of any use."""
        ...

    @property
    def needs_truth(self) -> bool:
        """Whether the classes are true labels."""
        ...

    @property
    def generates(self) -> bool:
        """Whether the template is sampled from an estimate rather than taken from the pools."""
        ...

    def classes(self, pools: Pools, region: Window, sideband_tev: float) -> Classes:
        """Events of class 1 (data) and of class 0 (template).

        Raises:
            InputError: if the pools hold too few events for either.
        """
        ...


def two_sample(
    background: Background, pools: Pools, region: Window, sideband_tev: float
) -> TwoSample:
    """The samples of this mode; see `join`."""
    return join(background.classes(pools, region, sideband_tev), pools.test, region)


def join(classes: Classes, test: Events | None, region: Window) -> TwoSample:
    """The classes as one sample, data rows first, and the test events beside it.

    Raises:
        InputError: if the signal region is empty, the template has fewer than 100 events or the
            data fewer than 10.
    """
    data, template = classes.data, classes.template
    _check_sizes(data, template, region)
    both = concatenate([data.without_labels(), template.without_labels()])
    rows = Rows(both.features, np.arange(len(both)) < len(data))
    if test is None:
        return TwoSample(rows, both.mjj_tev, both.columns)
    return TwoSample(rows, both.mjj_tev, both.columns, test.features, test.labels, test.mjj_tev)


def inside(events: Events, region: Window) -> Events:
    """The events of the signal region."""
    return events.take(region.contains(events.mjj_tev))


def check_data(data: Events, region: Window) -> None:
    """Raise InputError if there are no events of the signal region."""
    if not len(data):
        raise InputError(
            f"the signal region must hold events, but none has {region.low_tev} <= mjj < "
            f"{region.high_tev} TeV; choose another --signal-region."
        )


def _check_sizes(data: Events, template: Events, region: Window) -> None:
    check_data(data, region)
    for name, events, least, remedy in (
        ("class 1", data, MIN_DATA, "widen --signal-region, or raise --n-signal if supervised"),
        ("the template", template, MIN_EVENTS, "give a larger --template or wider sidebands"),
    ):
        if len(events) < least:
            raise InputError(
                f"{name} must hold at least {least} events, but got {len(events)}; {remedy}."
            )
