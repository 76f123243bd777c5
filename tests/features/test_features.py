"""The published feature sets, and what is said of missing columns."""

import numpy as np
import pytest
from toys import toy_events

from raysearch.errors import InputError
from raysearch.events import Events
from raysearch.features import FEATURE_SETS, feature_set, select

PUBLISHED = {"baseline": 4, "baseline_dr": 5, "extended_1": 10, "extended_2": 12, "extended_3": 56}


def events_of(columns, n=6):
    values = np.arange(n * len(columns), dtype=np.float32).reshape(n, -1)
    truth = np.arange(n) % 2 == 0
    return Events(values, columns, ("1",) * len(columns), np.full(n, 3.5, np.float32), truth)


def test_the_sets_hold_as_many_columns_as_published():
    assert {name: len(s.columns) for name, s in FEATURE_SETS.items()} == PUBLISHED


def test_the_baseline_is_mass_mass_difference_and_both_ratios():
    assert feature_set("baseline").columns == ("mj1", "delta_mj", "tau21j1", "tau21j2")
    assert feature_set("baseline_dr").columns[4:] == ("delta_r",)


def test_the_extended_sets_hold_the_published_subjettiness():
    taus = {f"tau{n}j{jet}{beta}" for n in range(1, 10) for jet in (1, 2) for beta in ("", "_5")}
    assert taus < set(feature_set("extended_3").columns)
    assert {f"tau{n}j{jet}" for n in range(1, 6) for jet in (1, 2)} < set(
        feature_set("extended_2").columns
    )
    assert "tau54j2" in feature_set("extended_1").columns


def test_an_unknown_set_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"unknown feature set 'extended2'; .* 'extended_2'\?"):
        feature_set("extended2")


def test_all_missing_columns_are_named():
    with pytest.raises(InputError, match=r"'extended_1' needs the columns tau32j1, tau43j1, .*j2"):
        select(toy_events(10, 0), "extended_1")


def test_columns_are_chosen_by_name_and_not_by_place():
    wanted = feature_set("baseline_dr").columns
    events = events_of(("unused", *reversed(wanted)))
    chosen = select(events, "baseline_dr")
    assert chosen.columns == wanted
    for name in wanted:
        np.testing.assert_array_equal(chosen.column(name), events.column(name))


def test_units_mass_and_labels_follow():
    events = toy_events(20, 5)
    chosen = select(events, "baseline")
    assert chosen.units == events.units
    np.testing.assert_array_equal(chosen.mjj_tev, events.mjj_tev)
    np.testing.assert_array_equal(chosen.labels, events.labels)
