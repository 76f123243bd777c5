"""A trial takes what its fits take, not what the first of them imports."""

import subprocess
import sys

import pytest

from raysearch.detectors import DETECTORS
from raysearch.detectors.warming import warm, warm_all

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


def test_what_cannot_be_imported_is_for_the_first_trial_to_say(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    warm_all(["hgb", "adaboost", "mine:detector"])
    with pytest.raises(ImportError, match="lightgbm"):
        warm("adaboost")


READY = """
import sys
from types import SimpleNamespace
from raysearch.tuning import worker
worker.hide_unassigned_gpus = lambda: None
made = worker.TrialWorker(SimpleNamespace(families={"mlp"}))
assert "torch" not in sys.modules
made.ready()
assert "torch" in sys.modules
"""


def test_a_worker_is_ready_when_it_has_imported_what_its_trials_need():
    command = [sys.executable, "-c", READY]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
