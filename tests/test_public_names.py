"""The public names: all there, few, and imported when asked for."""

import subprocess
import sys

import pytest

import raysearch
import raysearch.nplm
import raysearch.scanning


@pytest.mark.parametrize("name", raysearch.__all__)
def test_every_public_name_is_there(name):
    assert getattr(raysearch, name).__doc__


def test_there_are_few_of_them_and_no_other():
    assert len(raysearch.__all__) <= 15
    homes = [name for names in raysearch._HOMES.values() for name in names]
    assert sorted(homes) == sorted(raysearch.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'serch'"):
        _ = raysearch.serch


@pytest.mark.parametrize("package", [raysearch, raysearch.nplm, raysearch.scanning])
def test_who_looks_what_there_is_sees_them_beside_what_a_module_has(package):
    assert {*package.__all__, "__file__"} <= set(dir(package))


def test_who_looks_what_there_is_waits_for_no_large_library():
    found, told = imported_by("import raysearch; assert 'search' in dir(raysearch)\n")
    assert found == "[]", told


HEAVY = {"torch", "ray", "sklearn", "matplotlib", "scipy.stats", "lightgbm", "zuko"}


def imported_by(code, *words, **environment):
    """Which of the heavy libraries a process has imported when the code has run."""
    code += f"print(sorted({HEAVY} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "", "PYTHONPATH": ":".join(sys.path), **environment},
    )
    return done.stdout.splitlines()[-1], done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["list"],
        ["fetch", "first", "--address", "in-process"],
        ["--help"],
        ["search", "--objective", "none"],
        ["scan", "--modes", "none"],
        ["dashboard", "/nowhere"],
    ],
)
def test_who_only_looks_or_errs_waits_for_no_large_library(words, tmp_path):
    code = "from raysearch.cli import main\ntry: main()\nfinally: "
    found, told = imported_by(code, *words, RAYSEARCH_HEAD_DIR=str(tmp_path / "head"))
    assert found == "[]", told


def test_a_worker_that_grows_trees_waits_for_no_other():
    found, told = imported_by("import raysearch.tuning.worker, raysearch.tuning.refits;")
    assert found == "['ray']", told
