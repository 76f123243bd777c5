"""From events to the two samples a weakly supervised classifier separates."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from raysearch.errors import InputError
from raysearch.events import Events, concatenate
from raysearch.regions import Window
from raysearch.samples import Pools, Rows, TwoSample

MIN_EVENTS = 100
# Two folds of both classes, and a few events in each.
MIN_DATA = 10


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
    def needs_truth(self) -> bool:
        """Whether the classes are true labels."""
        ...

    def classes(self, pools: Pools, region: Window, sideband_tev: float) -> tuple[Events, Events]:
        """Events of class 1 (data) and of class 0 (template).

        Raises:
            InputError: if the pools hold too few events for either.
        """
        ...


def two_sample(
    background: Background, pools: Pools, region: Window, sideband_tev: float
) -> TwoSample:
    """The samples of this mode, data rows first.

    Raises:
        InputError: if the signal region is empty the template has fewer than 100 events or the data
            fewer than 10.
    """
    data, template = background.classes(pools, region, sideband_tev)
    _check_sizes(data, template, region)
    both = concatenate([data.without_labels(), template.without_labels()])
    rows = Rows(both.features, np.arange(len(both)) < len(data))
    if pools.test is None:
        return TwoSample(rows, both.mjj_tev, both.columns)
    test = pools.test
    return TwoSample(rows, both.mjj_tev, both.columns, test.features, test.labels, test.mjj_tev)


def _check_sizes(data: Events, template: Events, region: Window) -> None:
    if not len(data):
        raise InputError(
            f"the signal region must hold events, but none has {region.low_tev} <= mjj < "
            f"{region.high_tev} TeV; choose another --signal-region."
        )
    for name, events, least, remedy in (
        ("class 1", data, MIN_DATA, "widen --signal-region, or raise --n-signal if supervised"),
        ("the template", template, MIN_EVENTS, "give a larger --template or wider sidebands"),
    ):
        if len(events) < least:
            raise InputError(
                f"{name} must hold at least {least} events, but got {len(events)}; {remedy}."
            )
