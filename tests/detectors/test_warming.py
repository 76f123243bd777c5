"""A trial takes what its fits take, not what the first of them imports."""

import subprocess
import sys

import pytest

from raysearch.detectors import DETECTORS

FIRST = """
import sys
from toys import QUICK, toy_sample
from raysearch.detectors.warming import warm
from raysearch.trial import Setup, run_trial
warm({name!r})
before = set(sys.modules)
setup = Setup("idealised", "baseline", {name!r}, QUICK[{name!r}])
run_trial(setup, toy_sample(), repeats=1, seed=1, index=0)
late = {{module.split(".")[0] for module in set(sys.modules) - before}}
assert not late & {{"torch", "sklearn", "lightgbm", "zuko"}}, late
"""


@pytest.mark.parametrize("name", DETECTORS)
def test_a_first_fit_imports_no_large_library_that_was_not_warmed(name):
    code = FIRST.format(name=name)
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd="tests", check=False
    )
    assert told.returncode == 0, told.stderr
