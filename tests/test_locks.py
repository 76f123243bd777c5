"""A lock is taken by one, and a file system without locks is no lock that somebody holds."""

import errno
import fcntl
import os

import pytest

from raysearch.directories import locked
from raysearch.errors import InputError
from raysearch.locks import SHARED, taken


def test_one_holds_it_until_it_is_closed(tmp_path):
    with (tmp_path / "lock").open("w") as first, (tmp_path / "lock").open() as second:
        assert taken(first)
        assert not taken(second)
        assert not taken(second, SHARED)
        first.close()
        assert taken(second)


def test_several_share_it(tmp_path):
    with (tmp_path / "lock").open("w") as first, (tmp_path / "lock").open() as second:
        assert taken(first, SHARED)
        assert taken(second, SHARED)
        assert not taken(second)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP])
def test_a_file_system_without_locks_is_not_taken_for_a_study_that_runs(
    code, monkeypatch, tmp_path
):
    def refuse(file, operation):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(InputError, match=r"\.lock must lie on a file system with locks"),
        locked(tmp_path),
    ):
        pytest.fail("it was locked")
