"""Every random choice has its own seed, whatever else is chosen."""

from hypothesis import given
from hypothesis import strategies as st

from raysearch.seeds import generator, number, seed_sequence

STEPS = st.lists(st.text(max_size=8) | st.integers(0, 1000), min_size=1, max_size=4)


@given(st.integers(0, 2**40), STEPS)
def test_equal_paths_give_equal_numbers(seed, path):
    assert number(seed, *path) == number(seed, *path)
    assert generator(seed, *path).random() == generator(seed, *path).random()


@given(st.integers(0, 2**40), STEPS)
def test_a_number_fits_into_63_bits(seed, path):
    assert 0 <= number(seed, *path) < 2**63


def test_seeds_indices_and_names_all_matter():
    paths = [(s, name, i) for s in range(8) for name in ("split", "order") for i in range(50)]
    assert len({number(*path) for path in paths}) == len(paths)


def test_a_longer_path_is_another_choice():
    assert number(1, "trial", 7) != number(1, "trial", 7, 0) != number(1, "trial")


def test_a_seed_is_the_same_in_every_process():
    # crc32 and SeedSequence, unlike hash(), do not change from run to run.
    assert seed_sequence(1, "split", 3).spawn_key == (2985662993, 3)
    assert number(1, "split", 3) == 2131029052908312785
