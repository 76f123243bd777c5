import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raysearch.scanning.cells import Cell
from raysearch.scanning.sets import draw_sets, setup
from search_spaces.mlp import BATCH_SIZES


@settings(max_examples=10)
@given(few=st.integers(1, 6), more=st.integers(0, 6), seed=st.integers(0, 2**20))
def test_more_sets_begin_with_the_fewer(few, more, seed):
    assert draw_sets("hgb", few + more, seed)[:few] == draw_sets("hgb", few, seed)


def test_sets_are_random_draws_of_the_published_space():
    drawn = draw_sets("mlp", 60, seed=1)
    assert {found["mlp/batch_size"] for found in drawn} == set(BATCH_SIZES)
    assert drawn != draw_sets("mlp", 60, seed=2)


@pytest.mark.parametrize("mode", ["idealised", "cwola"])
def test_a_set_has_the_same_parameters_in_every_cell(mode):
    (suggested,) = draw_sets("hgb", 1, seed=1)
    made = setup(Cell(mode, "baseline", 50), "hgb", suggested)
    assert made[:3] == (mode, "baseline", "hgb")
    assert {f"hgb/{name}": value for name, value in made.parameters.items()} == suggested
