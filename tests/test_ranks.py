"""Ranks: the order of each column and nothing else."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from toys import toy_rows

from raysearch.ranks import ranked

TABLES = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 30), st.integers(1, 3)),
    elements=st.one_of(st.integers(-3, 3), st.floats(-1e6, 1e6, width=32)),
)


@given(TABLES)
def test_ranks_give_the_features_back(features):
    ranks = ranked(features)
    back = [values[of_rows] for values, of_rows in zip(ranks.values, ranks.of_rows, strict=True)]
    np.testing.assert_array_equal(np.stack(back, axis=1), features)


@given(TABLES)
def test_values_are_distinct_and_rise(features):
    for column, values in zip(features.T, ranked(features).values, strict=True):
        np.testing.assert_array_equal(values, np.unique(column))


@given(TABLES)
def test_a_rising_transformation_changes_no_rank(features):
    stretched = 3 * features.astype(np.float64)
    np.testing.assert_array_equal(ranked(features).of_rows, ranked(stretched).of_rows)


def test_rows_are_ranked_once():
    rows = toy_rows(20, 20)
    assert rows.ranks is rows.ranks


def test_a_copy_brings_its_ranks_along(monkeypatch):
    rows = toy_rows(20, 20)
    expected = rows.ranks.of_rows
    monkeypatch.setattr("raysearch.samples.ranked", None)  # sorting again would fail
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(rows)).ranks.of_rows, expected)


def test_rows_without_ranks_are_copied_without():
    copy = pickle.loads(pickle.dumps(toy_rows(20, 20)))
    assert "ranks" not in vars(copy)


def test_there_is_a_rank_per_column_and_row():
    ranks = ranked(toy_rows(30, 20, d=4).features)
    assert ranks.of_rows.shape == (4, 50)
    assert ranks.of_rows.dtype == np.int32
    assert len(ranks.values) == 4
    with pytest.raises(AttributeError):
        ranks.values = ()
