"""Bins: of training rows alone, of features alone, equally full, and the same for all who code."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from toys import toy_rows, two_members

from raysearch.detectors import Member
from raysearch.detectors.binning import binned
from raysearch.errors import InputError
from raysearch.samples import Rows

FEATURES = hnp.arrays(
    np.float32,
    st.tuples(st.integers(2, 40), st.integers(1, 3)),
    elements=st.one_of(st.integers(-3, 3), st.floats(-1e6, 1e6, width=32)),
)


def halves_of(features):
    rows = Rows(features, np.arange(len(features)) % 2 == 0)
    return rows, two_members(len(features))[0]


@given(FEATURES, st.integers(2, 255))
def test_coding_values_and_coding_ranks_agree(features, max_bins):
    rows, member = halves_of(features)
    coded = binned(rows, member, max_bins)
    np.testing.assert_array_equal(coded.bins.codes(features[member.train]), coded.train)
    np.testing.assert_array_equal(coded.bins.codes(features[member.validation]), coded.validation)


@given(FEATURES, st.integers(2, 255))
def test_no_bin_of_the_training_rows_is_empty_and_none_too_many(features, max_bins):
    rows, member = halves_of(features)
    coded = binned(rows, member, max_bins)
    for column, edges in zip(coded.train.T, coded.bins.edges, strict=True):
        assert len(edges) < max_bins
        np.testing.assert_array_equal(np.unique(column), np.arange(len(edges) + 1))


@given(FEATURES, st.integers(2, 255), st.floats(-1e6, 1e6, width=32))
def test_rows_that_do_not_train_move_no_edge(features, max_bins, elsewhere):
    rows, member = halves_of(features)
    changed = features.copy()
    changed[member.validation] = elsewhere
    before = binned(rows, member, max_bins).bins.edges
    after = binned(Rows(changed, rows.is_data), member, max_bins).bins.edges
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


@given(FEATURES, st.integers(2, 255))
def test_codes_keep_the_order_of_the_values(features, max_bins):
    rows, member = halves_of(features)
    codes = binned(rows, member, max_bins).bins.codes(features)
    for column, code in zip(features.T, codes.T, strict=True):
        assert (np.diff(code[np.argsort(column)].astype(int)) >= 0).all()


def test_classes_play_no_part():
    rows = toy_rows(300, 300)
    other = Rows(rows.features, ~rows.is_data)
    member = two_members(600)[0]
    np.testing.assert_array_equal(binned(rows, member, 40).train, binned(other, member, 40).train)


@pytest.mark.parametrize("max_bins", [2, 31, 254, 255])
def test_bins_hold_equally_many_rows(max_bins):
    rows = toy_rows(5000, 5000, 0)
    everything = Member(np.arange(10_000), np.arange(10), 0)
    codes = binned(rows, everything, max_bins).train
    for column in codes.T:
        counts = np.bincount(column, minlength=max_bins)
        assert len(counts) == max_bins
        assert abs(counts - 10_000 / max_bins).max() <= 1


def test_few_values_have_a_bin_each():
    features = np.array([[0], [5], [5], [7], [0], [7]], np.float32)
    everything = Member(np.arange(6), np.arange(6), 0)
    coded = binned(Rows(features, np.arange(6) < 3), everything, 31)
    np.testing.assert_array_equal(coded.bins.edges[0], [0, 5])
    np.testing.assert_array_equal(coded.train[:, 0], [0, 1, 1, 2, 0, 2])


@pytest.mark.parametrize("max_bins", [-1, 1, 256])
def test_bins_that_fit_no_byte_are_refused(max_bins):
    with pytest.raises(InputError, match=f"max_bins must be from 2 to 255, but got {max_bins}"):
        binned(toy_rows(10, 10), two_members(20)[0], max_bins)
