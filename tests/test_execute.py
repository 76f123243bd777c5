"""How a driver that takes part in another's study ends."""

from types import SimpleNamespace

import pytest

from raysearch import execute
from raysearch.directories import locked
from raysearch.records import INTERRUPTED

BUDGET = "the time budget is used up"


@pytest.fixture
def take_part(monkeypatch, tmp_path):
    """Takes part in a study of which nothing runs; gives what it said."""

    def of(reason):
        for name in ("share", "History", "_teller"):
            monkeypatch.setattr(execute, name, lambda *given, **named: None)
        monkeypatch.setattr(execute, "_search", lambda *given: reason)
        said, study = [], SimpleNamespace(directory=tmp_path, place=None)
        prepared = SimpleNamespace(samples=None)
        try:
            assert execute.take_part(study, None, prepared, None, said.append) is study
        except KeyboardInterrupt:
            said.append("interrupted")
        return said

    return of


def test_ctrl_c_stays_ctrl_c(take_part):
    ends = "this driver ends early, interrupted; what it left is for the others"
    assert take_part(INTERRUPTED) == [ends, "interrupted"]


def test_an_end_of_its_own_is_no_error(take_part):
    assert take_part(BUDGET) == [
        f"this driver ends early, {BUDGET}; what it left is for the others"
    ]


def test_who_makes_the_report_is_named(take_part, tmp_path):
    with locked(tmp_path):
        assert "the driver that began" in take_part(None)[0]
    assert f"`raysearch resume {tmp_path}` makes the report" in take_part(None)[0]
