"""What is said when the history of a study cannot be copied, by whose fault that is."""

import errno
import sqlite3
from contextlib import closing

import pytest
from full_disk import no_file_larger_than

from raysearch import study_files
from raysearch.errors import InputError
from raysearch.storage import Unwritable, is_of_storage, writable
from raysearch.study_files import copy_file


@pytest.fixture
def history(tmp_path):
    """A database of a megabyte."""
    with closing(sqlite3.connect(tmp_path / "optuna.db")) as connection, connection:
        connection.execute("CREATE TABLE trials (told BLOB)")
        connection.execute("INSERT INTO trials VALUES (zeroblob(1000000))")
    return tmp_path / "optuna.db"


def test_a_copy_that_finds_no_room_is_no_damaged_study(history, tmp_path):
    with (
        pytest.raises(Unwritable, match=f"^{tmp_path} must be on a disk .*; make room there"),
        no_file_larger_than(100_000),
        writable(tmp_path),
    ):
        copy_file(history, tmp_path / "copy.db")


class Failing:
    """A database whose copy fails as SQLite says by this code."""

    def __init__(self, code):
        self.error = sqlite3.OperationalError("as told")
        self.error.sqlite_errorcode = code

    def backup(self, target):
        raise self.error

    def close(self):
        """Nothing is open."""


@pytest.mark.parametrize(
    ("code", "number"),
    [
        (sqlite3.SQLITE_FULL, errno.ENOSPC),
        (sqlite3.SQLITE_READONLY, errno.EROFS),
        (sqlite3.SQLITE_IOERR_WRITE, errno.EIO),
    ],
)
def test_what_the_disk_of_the_copy_does_is_said_of_it(code, number, history, tmp_path, monkeypatch):
    monkeypatch.setattr(study_files.sqlite3, "connect", lambda *asked, **how: Failing(code))
    with pytest.raises(OSError, match="as told") as told:
        copy_file(history, tmp_path / "copy.db")
    assert (told.value.errno, told.value.filename) == (number, str(tmp_path / "copy.db"))
    assert is_of_storage(told.value)


@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_CORRUPT]
)
def test_what_the_study_does_is_said_of_it(code, history, tmp_path, monkeypatch):
    monkeypatch.setattr(study_files.sqlite3, "connect", lambda *asked, **how: Failing(code))
    with pytest.raises(InputError, match=r"must be whole, but .*as told; fetch the study again"):
        copy_file(history, tmp_path / "copy.db")
