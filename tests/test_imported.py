"""A user's own modules, and whether a worker would find them."""

import sys

import pytest

from raysearch.errors import InputError
from raysearch.imported import imported, is_found_nowhere_else


def test_a_module_of_the_current_directory_is_found_there_and_nowhere_else(tmp_path, monkeypatch):
    (tmp_path / "of_mine_alone.py").write_text("answer = 42\n")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    assert imported("of_mine_alone:answer", "number") == 42
    assert imported("of_mine_alone:question", "number") is None
    assert sys.path == before
    assert is_found_nowhere_else("of_mine_alone")
    del sys.modules["of_mine_alone"]
    assert not is_found_nowhere_else("of_mine_alone")


@pytest.mark.parametrize("module", ["builtins", "functools", "numpy.linalg", ""])
def test_what_is_installed_is_found_elsewhere(module):
    assert not is_found_nowhere_else(module)


def test_an_absent_module_is_refused():
    with pytest.raises(InputError, match="a number `module:name` must be importable"):
        imported("absent_module:x", "number")
