"""What every feature set owes."""

import numpy as np
import pytest

from raysearch.events import Events
from raysearch.features import FEATURE_SETS, feature_set, fit_variation, select

VARIANTS = ("baseline+rotated", "baseline_dr+noise10", "extended_1+rotated+noise2")


@pytest.mark.parametrize("name", [*FEATURE_SETS, *VARIANTS])
class TestFeatureSet:
    def test_it_is_found_by_its_name(self, name):
        assert feature_set(name).name == name

    def test_a_detector_sees_its_inputs_named_apart(self, name):
        columns, inputs = feature_set(name).columns, feature_set(name).inputs
        assert len(set(inputs)) == len(inputs) == len(columns) + feature_set(name).n_noise
        assert feature_set(name).varied == (inputs != columns)

    def test_any_sample_gets_these_inputs_and_keeps_mass_and_labels(self, name):
        columns, rng = feature_set(name).columns, np.random.default_rng(0)
        values = rng.normal(size=(50, len(columns))).astype(np.float32)
        mjj, labels = rng.uniform(3, 4, 50).astype(np.float32), np.arange(50) % 2 == 0
        events = Events(values, columns, ("1",) * len(columns), mjj, labels)
        made = fit_variation(name, events, 1).apply(events, "data")
        assert select(made, name).columns == made.columns == feature_set(name).inputs
        np.testing.assert_array_equal(made.mjj_tev, mjj)
        np.testing.assert_array_equal(made.labels, labels)

    def test_its_columns_differ(self, name):
        columns = feature_set(name).columns
        assert len(set(columns)) == len(columns) > 0

    def test_it_treats_both_jets_alike(self, name):
        columns = set(feature_set(name).columns)
        swapped = {c.replace("j1", "j#").replace("j2", "j1").replace("j#", "j2") for c in columns}
        assert {c for c in columns if c.startswith("tau")} <= swapped

    def test_it_never_holds_the_mass_of_the_pair_or_the_label(self, name):
        assert not {"mjj", "mjj_tev", "label"} & set(feature_set(name).columns)
