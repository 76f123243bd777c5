import pytest
from hypothesis import given
from hypothesis import strategies as st

from raysearch.errors import InputError
from raysearch.events.ranges import row_ranges, slices_of


@given(st.integers(0, 10**6), st.integers(1, 10**5), st.integers(1, 64))
def test_ranges_are_disjoint_complete_and_aligned(n_rows, chunk_rows, parallelism):
    ranges = row_ranges(n_rows, chunk_rows, parallelism)
    assert len(ranges) <= parallelism
    assert [start for start, _ in ranges] == [0, *(stop for _, stop in ranges)][: len(ranges)]
    assert (ranges[-1][1] if ranges else 0) == n_rows
    assert all(start < stop and start % chunk_rows == 0 for start, stop in ranges)


@given(st.integers(1, 10**5), st.integers(1, 64), st.integers(1, 5000))
def test_slices_exceed_their_size_by_less_than_a_chunk(n_rows, chunk_rows, row_bytes):
    slices = slices_of(n_rows, chunk_rows, row_bytes, 2**16)
    most = max(1, 2**16 // row_bytes)
    assert max(stop - start for start, stop in slices) < most + chunk_rows


@pytest.mark.parametrize("wrong", [(-1, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_arguments_below_their_minimum(wrong):
    with pytest.raises(InputError, match="must hold, but got"):
        row_ranges(*wrong)
