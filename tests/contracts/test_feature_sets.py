"""What every feature set owes."""

import pytest

from raysearch.features import FEATURE_SETS, feature_set


@pytest.mark.parametrize("name", FEATURE_SETS)
class TestFeatureSet:
    def test_it_is_found_by_its_name(self, name):
        assert feature_set(name).name == name

    def test_its_columns_differ(self, name):
        columns = feature_set(name).columns
        assert len(set(columns)) == len(columns) > 0

    def test_it_treats_both_jets_alike(self, name):
        columns = set(feature_set(name).columns)
        swapped = {c.replace("j1", "j#").replace("j2", "j1").replace("j#", "j2") for c in columns}
        assert {c for c in columns if c.startswith("tau")} <= swapped

    def test_it_never_holds_the_mass_of_the_pair_or_the_label(self, name):
        assert not {"mjj", "mjj_tev", "label"} & set(feature_set(name).columns)
