"""A scan goes on with its inputs wherever they lie now."""

from pathlib import Path

import pytest
from toys import toy_events

from raysearch.errors import InputError
from raysearch.events import write_columns
from raysearch.files import write_json
from raysearch.inputs import describe
from raysearch.scanning import ScanSettings, interface, load_scan, resume_scan, scan

SETTINGS = {"n_signal": (50,), "modes": ("idealised",), "detectors": ("hgb",)}


def quiet(line):
    """Nothing: nobody listens."""


@pytest.fixture
def held(monkeypatch, tmp_path):
    """A scan of one file that was interrupted; what would train only tells that it was reached."""
    monkeypatch.setattr(interface, "_run", lambda directory, *given: ("resumed", directory))
    write_columns(tmp_path / "events.h5", toy_events(1800, 200))
    about = {"schema": 1, "settings": ScanSettings(**SETTINGS).as_json(), "complete": False}
    about["inputs"] = describe({"events": tmp_path / "events.h5"})
    write_json(tmp_path / "scan" / "scan.json", about)
    return tmp_path / "scan"


def test_it_goes_on_where_its_file_lies_now(held, tmp_path):
    assert resume_scan(held, say=quiet) == ("resumed", held)
    (tmp_path / "events.h5").rename(tmp_path / "moved.h5")
    with pytest.raises(InputError, match=r"must exist, but .*events\.h5 does not; repeat"):
        resume_scan(held, say=quiet)
    assert scan(tmp_path / "moved.h5", **SETTINGS, out=held, say=quiet) == ("resumed", held)
    path = load_scan(held).about["inputs"]["events"]["path"]
    assert Path(path) == tmp_path / "moved.h5"
    assert resume_scan(held, say=quiet) == ("resumed", held)


def test_a_complete_scan_needs_its_file_no_more(held, tmp_path, monkeypatch):
    monkeypatch.setattr(interface.Scan, "report", lambda scan: scan.directory / "report.html")
    write_json(held / "scan.json", {**load_scan(held).about, "complete": True})
    (tmp_path / "events.h5").unlink()
    assert resume_scan(held, say=quiet) == load_scan(held)


def test_other_events_are_refused(held, tmp_path):
    write_columns(tmp_path / "others.h5", toy_events(1800, 200, seed=1))
    with pytest.raises(InputError, match="holds one of different input files"):
        scan(tmp_path / "others.h5", **SETTINGS, out=held, say=quiet)
