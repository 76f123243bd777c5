"""What a test refuses before anything is computed, and what it reads."""

from dataclasses import replace

import numpy as np
import pytest
from toys import toy_events

from raysearch import InputError, write_columns
from raysearch.nplm.overlap import in_common_precision, row_hashes
from raysearch.nplm.points import check_pair, read_class, read_points

RNG = np.random.default_rng(0)
REFERENCE = RNG.normal(size=(400, 2))
DATA = RNG.normal(size=(50, 2))


def check(data=DATA, reference=REFERENCE, columns=None, weights=None):
    check_pair(read_points(data, columns), read_points(reference, columns, weights))


def test_two_independent_samples_pass():
    check()
    check(DATA[:, 0], REFERENCE[:, 0])


def test_different_columns_are_refused():
    with pytest.raises(InputError, match=r"same columns, but got x0, x1, x2 and x0, x1; choose"):
        check(RNG.normal(size=(50, 3)))


def test_a_reference_smaller_than_the_data_is_refused():
    with pytest.raises(InputError, match="not be smaller than the data, but has 40 events"):
        check(reference=REFERENCE[:40])
    with pytest.raises(InputError, match="must hold events"):
        check(DATA[:0])


@pytest.mark.parametrize("shared", [1, 10])
def test_shared_events_are_refused(shared):
    with pytest.raises(InputError, match=f"but {shared} of {50 + shared} rows"):
        check(np.concatenate([DATA, REFERENCE[:shared]]))


@pytest.mark.parametrize("swapped", [False, True])
def test_events_are_known_again_in_another_precision(swapped):
    """Stored as float32 in one file and as float64 in the other."""
    single, double = REFERENCE.astype(np.float32), REFERENCE.copy()
    data = np.concatenate([DATA, double[:3]])
    if swapped:
        single, data = double, np.concatenate([DATA, single[:3]]).astype(np.float32)
    with pytest.raises(InputError, match="but 3 of 53 rows"):
        check(data, single)


def test_what_single_precision_cannot_hold_equals_nothing():
    large, one = in_common_precision(np.array([[1e100, 0.1]]), np.array([[1.0, 0.1]]))
    np.testing.assert_array_equal(large, [[np.inf, 0.1]])
    np.testing.assert_array_equal(one, [[1.0, 0.1]])


def test_zeros_of_either_sign_are_the_same():
    assert len(set(row_hashes(np.array([[0.0, 1.0], [-0.0, 1.0]])).tolist())) == 1


def test_one_coincidence_of_a_score_in_single_precision_is_no_overlap():
    data, reference = DATA[:, 0].astype(np.float32), REFERENCE[:, 0].astype(np.float32)
    check(np.r_[data, reference[:1]], reference)
    with pytest.raises(InputError, match="but 10 of 60 rows"):
        check(np.r_[data, reference[:10]], reference)


@pytest.mark.parametrize("seed", range(5))
def test_scores_of_few_digits_may_coincide(seed):
    rng = np.random.default_rng(seed)
    check(np.round(rng.normal(size=500), 4), np.round(rng.normal(size=4000), 4))


def test_samples_of_which_different_things_are_known_are_compared_by_what_is_common():
    """Events with further columns beside the compared ones in one sample only."""
    wide = np.column_stack([REFERENCE[:40], RNG.normal(size=40)])
    with pytest.raises(InputError, match="must not share events, but 40 of 40"):
        check(wide, REFERENCE, ["x0", "x1"])


def labelled(n, n_signal, seed):
    return replace(toy_events(n, seed), labels=np.arange(n) < n_signal)


def test_of_labelled_events_only_one_class_is_taken(tmp_path):
    write_columns(tmp_path / "events.h5", labelled(200, 30, 0))
    for source in (labelled(200, 30, 0), tmp_path / "events.h5"):
        lines = []
        signal = read_class(source, "signal", True, say=lines.append)
        reference = read_class(source, "reference", False, say=lines.append)
        assert (len(signal), len(reference), len(read_points(source))) == (30, 170, 200)
        assert lines[0] == "signal: the 30 signal events among 200, by their labels"
        assert lines[1] == "reference: the 170 background events among 200, by their labels"
    with pytest.raises(InputError, match="must hold events with label 1, but all 50"):
        read_class(labelled(50, 0, 0), "signal", True)
    assert len(read_class(REFERENCE, "reference", False)) == 400


def test_discrete_values_may_coincide_as_often_as_in_the_reference_itself():
    check(RNG.integers(0, 30, (100, 2)).astype(float), RNG.integers(0, 30, (2000, 2)).astype(float))


def test_negative_weights_are_refused():
    weighted = np.column_stack([REFERENCE, np.ones(400)])
    check_pair(read_points(DATA, None), read_points(weighted, ["x0", "x1"], "x2"))
    weighted[3, 2] = -0.5
    with pytest.raises(InputError, match=r"not be negative, but 1 are, the smallest -0\.5"):
        check_pair(read_points(DATA), read_points(weighted, ["x0", "x1"], "x2"))
    weighted[:, 2] = 0
    with pytest.raises(InputError, match="must not all be 0"):
        check_pair(read_points(DATA), read_points(weighted, ["x0", "x1"], "x2"))


def test_a_column_must_vary_among_events_that_have_weight():
    """Standardising by events of weight 0 would divide by 0."""
    flat = np.where(np.arange(400) < 10, REFERENCE[:, 0], 2.0)
    weighted = np.column_stack([REFERENCE, flat, np.arange(400) >= 10])
    data = np.column_stack([DATA, DATA[:, 0]])
    with pytest.raises(InputError, match=r"'x2' is 2 in every event of the reference"):
        check(data, weighted, ["x0", "x1", "x2"], "x3")


def test_constant_and_duplicated_columns_are_refused():
    constant = [np.column_stack([x[:, 0], np.full(len(x), 2.0)]) for x in (DATA, REFERENCE)]
    with pytest.raises(InputError, match=r"'x1' is 2 in every event .* sigma = 0"):
        check(*constant)
    for factor in (1.0, -2.5):
        twice = [np.column_stack([x, factor * x[:, 0] + 1]) for x in (DATA, REFERENCE)]
        with pytest.raises(InputError, match="'x0' and 'x2' hold the same values"):
            check(*twice)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([[1.0, np.nan]]), "1 rows hold NaN"),
        (np.zeros((2, 2, 2)), r"shape \(n, d\), but got float64 of shape \(2, 2, 2\)"),
        (np.array(["a"]), "must be numeric"),
    ],
)
def test_impossible_arrays_are_refused(array, message):
    with pytest.raises(InputError, match=message):
        read_points(array)


@pytest.mark.parametrize(
    ("columns", "message"),
    [(["x3"], "unknown column 'x3'"), (["x0", "x0"], "differ, but got 'x0, x0'")],
)
def test_columns_must_exist_once(columns, message):
    with pytest.raises(InputError, match=message):
        read_points(REFERENCE, columns)


def test_events_and_their_file_give_the_same_points(tmp_path):
    events = toy_events(200, 0)
    write_columns(tmp_path / "events.h5", events)
    names = ["tau21j1", "mjj", "mj1"]
    for columns in (None, names):
        a, b = (read_points(x, columns) for x in (events, tmp_path / "events.h5"))
        assert a.columns == b.columns == tuple(columns or events.columns)
        np.testing.assert_array_equal(a.values, b.values)
    np.testing.assert_array_equal(a.values[:, 1], events.mjj_tev)


def test_a_score_file_is_recognised_by_mass_and_score(tmp_path):
    """A score alone may coincide; with the mass beside it the event is known again."""
    events = toy_events(300, 0)
    one = events.take(np.arange(100))
    with pytest.raises(InputError, match="must not share events, but 100"):
        check(one, events, ["tau21j1"])
    check(one, events.take(np.arange(100, 300)), ["tau21j1"])
