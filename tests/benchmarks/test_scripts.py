"""Every script beside this file can still be imported, so that none goes stale unseen."""

import runpy
from pathlib import Path

import pytest

SCRIPTS = sorted(Path(__file__).parent.glob("bench_*.py"))


def test_there_are_scripts():
    assert SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("default")
def test_a_script_can_be_imported(script):
    names = runpy.run_path(str(script), run_name="imported")
    assert names["__name__"] == "imported"
    assert any(callable(value) for value in names.values())
