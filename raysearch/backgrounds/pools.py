"""Divide the user's files into disjoint pools: data, template, test; inject the signal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from raysearch.backgrounds.base import Background
from raysearch.errors import InputError
from raysearch.events import Events, concatenate, shared_rows
from raysearch.regions import Window, choose
from raysearch.samples import Pools
from raysearch.seeds import generator

# Set aside before anything else where no test file is given: enough background for a supervised
# SIC with a floor near eps_B = 1e-3 in the public data, little enough to leave the search its rows.
TEST_SHARE = 1 / 6
TEMPLATE_SHARE = 1 / 2
DEFAULT_N_SIGNAL = 1000


def divide(
    events: Events,
    template: Events | None,
    test: Events | None,
    mode: Background,
    region: Window,
    n_signal: int | None,
    seed: int,
    *,
    aside: bool = False,
) -> Pools:
    """Disjoint pools of data, template and test events.

    In a labelled file signal events are a pool: `n_signal` of them are injected, the rest serve
    the test set only. Where no test events are given, a seeded share of the labelled background
    is set aside first. A mode that needs a template takes it from `template`, else from a seeded
    share of the labelled background in the signal region.

    Args:
        events: what the study is about, labelled or not.
        template: background of the signal region (its labelled signal is dropped), or None.
        test: labelled events for the supervised metric, or None.
        mode: decides whether a template is needed.
        region: the signal region.
        n_signal: events to inject; None for 1000, or all if there are fewer.
        seed: the study's seed.
        aside: set the template's share aside in a mode that needs none, too, so that its data are
            those of the modes that do; a mode that has no use for the share loses it.

    Raises:
        InputError: if the signal pool is too small, the test has no labels, files share
            events, or their columns differ.
    """
    _check_files(events, template, test)
    template = _background_of(template)
    test = None if test is None else _inside(test, region)
    if events.labels is None:
        _check_no_injection(n_signal)
        return Pools(events, None, template, test)
    background, signal = events.take(~events.labels), events.take(events.labels)
    injected, spare = _injection(len(signal), n_signal, seed)
    if test is None:
        background, test = _set_aside_test(background, signal.take(spare), region, seed)
    if (mode.needs_template or aside) and template is None:
        background, share = _template_share(background, region, seed)
        template = share if mode.takes_template else None
    data = _shuffled(concatenate([background, signal.take(injected)]), seed)
    return Pools(data.without_labels(), data.labels, template, test)


def _inside(events: Events, region: Window) -> Events:
    return events.take(region.contains(events.mjj_tev))


def _background_of(template: Events | None) -> Events | None:
    if template is None or template.labels is None:
        return template
    return template.take(~template.labels).without_labels()


def _check_files(events: Events, template: Events | None, test: Events | None) -> None:
    if test is not None and test.labels is None:
        raise InputError("test events must be labelled, but the test file has no labels.")
    given = [("events", events), ("template", template), ("test", test)]
    present = [(name, part) for name, part in given if part is not None]
    for i, (name, part) in enumerate(present):
        for other_name, other in present[i + 1 :]:
            _check_pair(name, part, other_name, other)


def _check_pair(name: str, part: Events, other_name: str, other: Events) -> None:
    if part.columns != other.columns:
        raise InputError(
            f"{name} and {other_name} must have the same columns, but got "
            f"{', '.join(part.columns)} and {', '.join(other.columns)}."
        )
    shared = shared_rows(part, other)
    if shared:
        raise InputError(
            f"{name} and {other_name} must not share events, but {shared} of the "
            f"{len(other)} {other_name} events are also among the {name}; remove them from one."
        )


def _check_no_injection(n_signal: int | None) -> None:
    if n_signal:
        raise InputError(
            f"signal can be injected from labelled events only, but got n_signal = {n_signal} "
            "and events without labels; leave it out or add a label column."
        )


def _injection(
    n_pool: int, n_signal: int | None, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of the signal pool that are injected, and those that are not."""
    n = min(DEFAULT_N_SIGNAL, n_pool) if n_signal is None else n_signal
    if not 0 <= n <= n_pool:
        raise InputError(
            f"`0 <= n_signal <= signal events in the file` must hold, but got n_signal = {n} "
            f"and a file with {n_pool} signal events."
        )
    return choose(n_pool, n, generator(seed, "injection"))


def _set_aside_test(
    background: Events, spare_signal: Events, region: Window, seed: int
) -> tuple[Events, Events]:
    """The background that stays in the search, and the labelled test events."""
    n_test = round(len(background) * TEST_SHARE)
    chosen, rest = choose(len(background), n_test, generator(seed, "test"))
    test = concatenate([background.take(chosen), spare_signal])
    return background.take(rest), _inside(test, region)


def _template_share(background: Events, region: Window, seed: int) -> tuple[Events, Events]:
    """The background without the template, and the template: half of the signal region."""
    inside = np.flatnonzero(region.contains(background.mjj_tev))
    n_template = round(len(inside) * TEMPLATE_SHARE)
    chosen, _ = choose(len(inside), n_template, generator(seed, "template"))
    is_template = np.zeros(len(background), dtype=np.bool_)
    is_template[inside[chosen]] = True
    return background.take(~is_template), background.take(is_template).without_labels()


def _shuffled(events: Events, seed: int) -> Events:
    # The order of the rows must not tell the injected signal.
    return events.take(generator(seed, "order").permutation(len(events)))
