"""The command: what the user got wrong is one sentence and exit status 2, before Ray."""

import errno
import sys

import numpy as np
import own_nuisances
import pytest
from toys import toy_events

from raysearch import cli
from raysearch.directories import locked
from raysearch.errors import InputError
from raysearch.events import write_columns
from raysearch.nplm import Candidate, normalisation


@pytest.fixture
def refused(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    events = toy_events(900, 0)
    write_columns(tmp_path / "data.h5", events.take(np.arange(100)))
    write_columns(tmp_path / "reference.h5", events.take(np.arange(100, 900)))
    write_columns(tmp_path / "few.h5", events.take(np.arange(800, 900)).without_labels())

    def of(*words):
        monkeypatch.setattr(sys, "argv", ["raysearch", "nplm", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        assert (ended.value.code, captured.out) == (2, "")
        assert captured.err.count("\n") == 1
        return captured.err

    return of


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.h5", "absent.h5"], "an event file must exist, but 'absent.h5' is no file"),
        (["data.h5", "data.h5"], "must not share events, but 100 of 100"),
        (["reference.h5", "data.h5"], "must not be smaller than the data"),
        (["data.h5", "few.h5"], "at least 200 events, but the reference has 100"),
        (["data.h5", "reference.h5", "--columns", "mj2"], "the nearest: mj1"),
        (["data.h5", "reference.h5", "--sigma", "a"], "--sigma must be numbers, a,b,..., but got"),
        (["data.h5", "reference.h5", "--sigma", "0"], "`0 < sigma` must hold"),
        (["data.h5", "reference.h5", "--aggregate", "min"], "did you mean 'min-p'"),
        (["data.h5", "reference.h5", "--inject", "10"], "but 0 were given"),
        (
            ["data.h5", "reference.h5", "--signal", "few.h5", "--inject", "90", "--expected", "99"],
            "injecting 90 events, up to 147 as their number fluctuates, needs as many",
        ),
        (["data.h5", "reference.h5", "--draws", "sampler"], "a sampler goes with"),
        (["data.h5", "reference.h5", "--select", "sigma=1"], "needs signal and the number"),
        (["data.h5", "reference.h5", "--select", "sigm=1"], "did you mean 'sigma'"),
        (["data.h5", "reference.h5", "--normalisation", "0.1"], "give --expected"),
        (["data.h5", "reference.h5", "--nuisance", "absent:x"], "a nuisance `module:name` must be"),
        (
            ["data.h5", "reference.h5", "--nuisance", "own_nuisances:tild"],
            "'own_nuisances:tild' is",
        ),
        (["data.h5", "reference.h5", "--select-trials", "-1"], "`select_trials >= 0` must hold"),
        (["data.h5", "reference.h5", "--device", "tpu"], "must be cpu or cuda, but got 'tpu'"),
        (["data.h5", "reference.h5", "--address", "localhost"], "must be host:port or auto"),
    ],
)
def test_a_wrong_word_is_refused_with_rule_and_value(words, message, refused):
    assert message in refused(*words)


def test_a_test_runs_in_one_place_at_a_time(refused, tmp_path):
    with locked(tmp_path / "out"):
        message = refused("data.h5", "reference.h5", "--out", "out")
    assert "a test runs in one place at a time, but out is running already" in message


def test_a_full_disk_is_said_with_what_goes_on_with_a_test(tmp_path):
    with (
        pytest.raises(InputError, match="go on with the test by the command that began it"),
        locked(tmp_path, "test"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_every_option_reaches_the_test(monkeypatch, capsys):
    """The settings that a command gives are those that the interface gets."""
    got = {}

    class Answer:
        def summary(self):
            return "answer"

    def nplm_test(data, reference, **settings):
        got.update(settings)
        return Answer()

    monkeypatch.setattr("raysearch.nplm.nplm_test", nplm_test)
    words = "--centres 30 --penalty 1e-5 --solver converged --reference-size 700 --clip 4 "
    words += "--hidden 5,3 --steps 9 --injected-toys 11 --device cuda --n-signal-select 6 "
    words += "--select-trials 8 --expected 90 --nuisance own_nuisances:tilt --normalisation 0.05"
    words = ["nplm", "d", "r", *words.split(), "--select", "sigma=1,2 centres=7 columns=a,b"]
    monkeypatch.setattr(sys, "argv", ["raysearch", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert (ended.value.code, capsys.readouterr().out) == (0, "answer\n")
    expected = {"centres": 30, "penalty": 1e-5, "solver": "converged", "reference_size": 700}
    expected |= {"clip": 4.0, "hidden": [5, 3], "steps": 9, "injected_toys": 11, "device": "cuda"}
    expected |= {"n_signal_select": 6, "select": [Candidate(("a", "b"), (1.0, 2.0), 7)]}
    expected |= {"select_trials": 8, "expected": 90.0}
    expected |= {"nuisances": [own_nuisances.tilt, normalisation(0.05)]}
    assert {name: got[name] for name in expected} == expected
