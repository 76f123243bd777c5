"""Numbers and edges in one word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raysearch.commands.words import edges, edges_word, numbers
from raysearch.errors import InputError

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.tuples(finite, finite))
def test_edges_read_what_was_written(pair):
    assert edges(edges_word(pair)) == pair


@pytest.mark.parametrize("text", ["", "3.3", "3,4,5", "a,b"])
def test_what_is_not_two_numbers_is_refused(text):
    with pytest.raises(InputError, match="two numbers in TeV"):
        edges(text)


def test_a_word_that_is_no_number_is_refused_by_its_option():
    with pytest.raises(InputError, match=r"--hidden must be numbers, .*'5,x'"):
        numbers("--hidden", "5,x", int)
