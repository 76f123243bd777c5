"""The help an error gives."""

import pytest

from raysearch.errors import InputError, unknown_name


@pytest.mark.parametrize("typed", ["idealized", "IDEALISED", "ideal", "idealise"])
def test_the_nearest_name_is_offered(typed):
    error = unknown_name("mode", typed.lower(), ["idealised", "cwola", "supervised"])
    assert "did you mean 'idealised'? Known: cwola, idealised, supervised." in str(error)


def test_without_any_name_there_is_none_to_offer():
    assert "did you mean" not in str(unknown_name("mode", "x", []))


def test_an_input_error_is_a_value_error():
    assert issubclass(InputError, ValueError)
