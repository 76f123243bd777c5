"""Mass windows, and splits that are disjoint, complete and even."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raysearch.errors import InputError
from raysearch.regions import SIGNAL_REGION, Window, choose, folds, set_aside, sidebands


@st.composite
def classes(draw):
    n_data, n_template = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    return np.random.default_rng(draw(st.integers(0, 99))).permutation(
        np.arange(n_data + n_template) < n_data
    )


def test_the_published_signal_region_is_the_default():
    assert (SIGNAL_REGION.low_tev, SIGNAL_REGION.high_tev) == (3.3, 3.7)


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_a_window_holds_its_lower_edge_and_not_its_upper(precision):
    edges = np.array([3.3, 3.7], precision)
    np.testing.assert_array_equal(SIGNAL_REGION.contains(edges), [True, False])


@given(st.floats(0.1, 5), st.floats(0.01, 2))
def test_an_edge_in_float32_belongs_to_exactly_one_of_two_neighbours(low, width):
    below, above = Window(0, low), Window(low, low + width)
    mjj = np.array([low, np.nextafter(np.float32(low), np.float32(0))], np.float32)
    np.testing.assert_array_equal(below.contains(mjj) ^ above.contains(mjj), [True, True])


@pytest.mark.parametrize(
    ("low", "high"),
    [(3.7, 3.3), (3.3, 3.3), (-1, 3), (float("nan"), 3), (3, float("nan")), (3, float("inf"))],
)
def test_impossible_edges_are_refused_with_their_values(low, high):
    with pytest.raises(InputError, match=r"`0 <= low < high` must hold .* got \(low="):
        Window(low, high)


def test_sidebands_touch_the_region_on_both_sides():
    lower, upper = sidebands(SIGNAL_REGION, 0.2)
    assert (lower.low_tev, lower.high_tev) == (pytest.approx(3.1), 3.3)
    assert (upper.low_tev, upper.high_tev) == (3.7, pytest.approx(3.9))


@pytest.mark.parametrize("width", [0, -0.2, float("nan"), float("inf"), 3.4])
def test_a_sideband_that_cannot_be_is_refused(width):
    with pytest.raises(InputError, match=r"sideband width must be positive|`0 <= low < high`"):
        sidebands(SIGNAL_REGION, width)


@given(st.integers(0, 50), st.floats(0, 1), st.integers(0, 99))
def test_chosen_and_rest_are_disjoint_complete_and_rising(n, share, seed):
    n_chosen = round(share * n)
    chosen, rest = choose(n, n_chosen, np.random.default_rng(seed))
    assert len(chosen) == n_chosen
    np.testing.assert_array_equal(np.sort(np.concatenate([chosen, rest])), np.arange(n))
    assert (np.diff(chosen) > 0).all()
    assert (np.diff(rest) > 0).all()


@given(classes(), st.integers(2, 6), st.integers(0, 99))
def test_train_and_validation_are_disjoint_and_complete_in_each_fold(is_data, n_folds, seed):
    for train, held in folds(is_data, n_folds, np.random.default_rng(seed)):
        both = np.sort(np.concatenate([train, held]))
        np.testing.assert_array_equal(both, np.arange(len(is_data)))


@given(classes(), st.integers(2, 6), st.integers(0, 99))
def test_the_validation_folds_partition_the_rows(is_data, n_folds, seed):
    held = [held for _, held in folds(is_data, n_folds, np.random.default_rng(seed))]
    np.testing.assert_array_equal(np.sort(np.concatenate(held)), np.arange(len(is_data)))


@given(classes(), st.integers(2, 6), st.integers(0, 99))
def test_both_classes_are_shared_out_evenly(is_data, n_folds, seed):
    for of_class in (is_data, ~is_data):
        split = folds(is_data, n_folds, np.random.default_rng(seed))
        counts = [np.count_nonzero(of_class[held]) for _, held in split]
        assert max(counts) - min(counts) <= 1


@given(classes(), st.integers(2, 6), st.integers(0, 99), st.floats(0, 0.5))
def test_folds_among_some_rows_divide_these_alone_and_evenly(is_data, n_folds, seed, share):
    rng = np.random.default_rng(seed)
    among = np.setdiff1d(np.arange(len(is_data)), set_aside(is_data, share, rng))
    split = list(folds(is_data, n_folds, rng, among))
    np.testing.assert_array_equal(np.sort(np.concatenate([held for _, held in split])), among)
    for train, held in split:
        np.testing.assert_array_equal(np.sort(np.concatenate([train, held])), among)
    counts = np.array([[is_data[held].sum(), (~is_data[held]).sum()] for _, held in split])
    assert (np.ptp(counts, axis=0) <= 1).all()


def test_folds_do_not_look_at_the_classes_of_other_rows():
    is_data, among = np.arange(100) < 50, np.arange(10, 90)
    other = is_data.copy()
    other[:10], other[90:] = False, True
    first, again = (list(folds(c, 3, np.random.default_rng(1), among)) for c in (is_data, other))
    for (train, held), (train_again, held_again) in zip(first, again, strict=True):
        np.testing.assert_array_equal(train, train_again)
        np.testing.assert_array_equal(held, held_again)


@given(classes(), st.floats(0, 1), st.integers(0, 99))
def test_the_same_share_of_either_class_is_set_aside(is_data, share, seed):
    rows = set_aside(is_data, share, np.random.default_rng(seed))
    assert (np.diff(rows) > 0).all()
    assert is_data[rows].sum() == round(share * int(is_data.sum()))
    assert (~is_data[rows]).sum() == round(share * int((~is_data).sum()))


def test_folds_do_not_follow_the_order_of_the_rows():
    is_data = np.arange(400) < 200
    _, held = next(folds(is_data, 2, np.random.default_rng(0)))
    assert 60 < np.count_nonzero(held < 100) + np.count_nonzero((held >= 200) & (held < 300)) < 140


def test_equal_seeds_give_equal_folds_and_others_differ():
    def held(seed):
        return next(folds(np.arange(40) < 20, 2, np.random.default_rng(seed)))[1].tolist()

    assert held(1) == held(1) != held(2)
