"""Rotated and uninformative inputs."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp, kstest
from toys import toy_events

from raysearch.errors import InputError
from raysearch.features import feature_set, fit_variation, variation_from_json


@pytest.fixture(scope="module")
def events():
    return toy_events(3000, 1000)


def varied(events, name, seed=1, place="data"):
    return fit_variation(name, events, seed).apply(events, place)


def distances(features):
    return np.linalg.norm(features[:60, None] - features[None, :60], axis=2)


@given(seed=st.integers(0, 2**32))
def test_a_rotation_preserves_the_distances_of_standardised_inputs(seed):
    events = toy_events(200, 0)
    columns = events.features.astype(np.float64)
    standardised = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    rotated = varied(events, "baseline+rotated", seed).features
    np.testing.assert_allclose(distances(rotated), distances(standardised), atol=1e-5)


def test_a_rotation_mixes_all_inputs_and_never_mirrors(events):
    rotation = fit_variation("baseline+rotated", events, 1).rotation
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(4), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert (np.abs(rotation) > 1e-3).all()


def test_the_rotation_follows_from_the_seed_and_not_from_the_events(events):
    few = events.take(np.arange(100))
    first, again, other = (
        fit_variation("baseline+rotated", e, seed).rotation
        for e, seed in ((events, 3), (few, 3), (events, 4))
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_labels_play_no_part(events):
    with_labels = varied(events, "baseline+rotated")
    without = varied(events.without_labels(), "baseline+rotated")
    np.testing.assert_array_equal(with_labels.features, without.features)
    np.testing.assert_array_equal(with_labels.labels, events.labels)


def test_uninformative_inputs_are_standard_normal_and_independent_of_the_class(events):
    made = varied(events, "baseline+noise10")
    np.testing.assert_array_equal(made.features[:, :4], events.features)
    noise = made.features[:, 4:]
    assert noise.shape == (4000, 10)
    for column in noise.T:
        assert kstest(column, "norm").pvalue > 1e-4
        assert ks_2samp(column[events.labels], column[~events.labels]).pvalue > 1e-4
    # The correlations of 4000 pairs of independent numbers scatter by .016.
    correlations = np.corrcoef(np.column_stack([made.features, events.mjj_tev]).T)[4:14]
    assert np.abs(correlations - np.eye(10, 15, 4)).max() < 0.08


def test_other_places_get_other_noise_and_equal_ones_the_same(events):
    first, again, other = (
        varied(events, "baseline+noise1", place=p).features[:, 4] for p in ("data", "data", "test")
    )
    np.testing.assert_array_equal(first, again)
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.08


def test_both_variants_together(events):
    made = varied(events, "baseline+rotated+noise2")
    assert made.columns == feature_set("baseline+rotated+noise2").inputs
    assert made.columns[3:] == ("rotated_4", "noise_1", "noise_2")
    assert made.units == ("1",) * 6
    rotated = varied(events, "baseline+rotated").features
    np.testing.assert_array_equal(made.features[:, :4], rotated)


def test_without_a_variant_nothing_changes(events):
    made = varied(events, "baseline")
    np.testing.assert_array_equal(made.features, events.features)
    assert made.columns == events.columns
    assert made.units == events.units


def test_a_column_that_never_varies_stays_finite():
    events = toy_events(50, 0)
    features = events.features.copy()
    features[:, 2] = 1.0
    flat = type(events)(features, events.columns, events.units, events.mjj_tev)
    assert np.isfinite(varied(flat, "baseline+rotated").features).all()


def test_a_saved_variation_makes_the_same_inputs(events):
    kept = fit_variation("baseline+rotated+noise3", events, 5)
    back = variation_from_json(json.loads(json.dumps(kept.as_json())))
    new = toy_events(100, 0, seed=9)
    np.testing.assert_array_equal(kept.apply(new, "x").features, back.apply(new, "x").features)


def test_a_damaged_variation_is_refused(events):
    whole = fit_variation("baseline+rotated", events, 5).as_json()
    with pytest.raises(InputError, match="must be whole"):
        variation_from_json({k: v for k, v in whole.items() if k != "mean"})
    with pytest.raises(InputError, match=r"of 4 columns, but got shapes \(3,\)"):
        variation_from_json({**whole, "mean": whole["mean"][:3]})


@pytest.mark.parametrize("variant", ["+", "+noise", "+noise0", "+noise2+rotated", "+x"])
def test_a_malformed_variant_is_refused_with_an_example(variant):
    with pytest.raises(InputError, match=r"write e\.g\. 'baseline\+rotated\+noise10'"):
        feature_set(f"baseline{variant}")
