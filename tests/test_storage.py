"""Whose disk it is that fails."""

import errno

import pytest

from raysearch.storage import Unwritable, writable


def test_a_file_that_is_read_elsewhere_is_not_blamed_on_the_folder(tmp_path):
    broken = OSError(errno.EIO, "Input/output error", "/elsewhere/optuna.db")
    with pytest.raises(OSError, match="elsewhere") as raised, writable(tmp_path):
        raise broken
    assert raised.value is broken
    here = OSError(errno.EIO, "Input/output error", str(tmp_path / "optuna.db"))
    with pytest.raises(Unwritable, match="make room there"), writable(tmp_path):
        raise here
