"""The power as the objective of trials: suggestions that learn, the same whoever makes the toys."""

import json
from dataclasses import replace

import numpy as np
import pytest
from nplm_toys import points
from optuna.trial import FixedTrial

from raysearch.errors import InputError
from raysearch.nplm import suggestions
from raysearch.nplm.candidates import Candidate
from raysearch.nplm.chain import run_chain, select_by_power
from raysearch.nplm.nuisances import Nuisance
from raysearch.nplm.power import Power, pool_of
from raysearch.nplm.question import Question
from raysearch.nplm.rules import kernel_width
from raysearch.nplm.settings import NplmSettings
from raysearch.nplm.suggestions import rounds, suggested
from raysearch.nplm.work import serial

SETTINGS = NplmSettings(toys=30, penalty=1e-6, n_signal_select=20, select_toys=20, select_trials=6)


def question(seed=1, **changes):
    """Noise beside one column that separates the signal."""
    rng = np.random.default_rng(seed)
    samples = {
        "data": points(rng.normal(size=(150, 3))),
        "reference": points(rng.normal(size=(1000, 3))),
        "signal": points(rng.normal(size=(100, 3)) * [0.2, 1, 1] + [2.0, 0, 0]),
    }
    return Question(samples, replace(SETTINGS, **changes))


def silent(line):
    pass


def backwards(jobs):
    yield from reversed(list(serial(jobs)))


def columns(*chosen):
    return {f"column x{k}": k in chosen for k in range(3)}


def test_a_width_is_a_factor_of_the_rule_for_the_columns_that_are_chosen():
    asked = question()
    trial = FixedTrial({**columns(0, 2), "width": 0.5, "centres": 50})
    found = suggested(trial, asked)
    pool = pool_of(asked.with_candidate(Candidate(("x0", "x2"))))
    width = 0.5 * kernel_width(pool.points, pool.weights).value
    assert found == Candidate(("x0", "x2"), (width,), 50)


def test_what_is_given_is_not_suggested():
    assert suggested(FixedTrial({**columns(1), "centres": 50}), question(sigmas=(0.7,))) == (
        Candidate(("x1",), (), 50)
    )
    given = question(sigmas=(0.7,), centres=40)
    assert suggested(FixedTrial(columns()), given) == Candidate()
    neural = question(method="neural")
    assert suggested(FixedTrial(columns(0)), neural) == Candidate(("x0",))


def test_trials_without_a_choice_are_refused(tmp_path):
    def shift(points):
        return points[:, 0] / 10

    fixed = question(sigmas=(1.0,), centres=40)
    fixed = replace(fixed, nuisances=(Nuisance("shift", 0.1, (shift,)),))
    with pytest.raises(InputError, match="trials must have something to choose"):
        run_chain(fixed, tmp_path, None, silent)
    with pytest.raises(InputError, match="needs signal and the number"):
        run_chain(question(n_signal_select=None), tmp_path, None, silent)


def test_suggestions_learn_from_the_powers_of_earlier_rounds():
    """A power that is 1 for the first column and falls with the distance of the width from 1."""
    asked, powers, found = question(select_trials=60, centres=40), [], []
    for candidates in rounds(asked, powers):
        for candidate in candidates:
            z = float("x0" in candidate.columns) - abs(np.log(candidate.sigmas[0]))
            powers.append(Power(candidate, z, 0.1))
        found.append(np.mean([power.z for power in powers[-len(candidates) :]]))
    assert len(found) == 6
    assert np.mean(found[3:]) > found[0] + 0.3


def test_given_candidates_come_first_and_suggestions_follow_from_the_seed(monkeypatch, tmp_path):
    monkeypatch.setattr(suggestions, "ROUND", 3)
    given = (Candidate(("x1",)),)
    asked, lines = question(select=given, sigmas=(1.0,), centres=40), []
    one = select_by_power(asked, tmp_path / "a", serial, lines.append)
    assert one[0].candidate == given[0]
    assert len(one) == len(lines) == 7
    assert one == select_by_power(asked, tmp_path / "b", backwards, silent)
    # What is held is not judged again, but told to the sampler as if it were.
    held = json.loads((tmp_path / "b" / "selection.json").read_text())
    held["powers"] = held["powers"][:4]
    (tmp_path / "b" / "selection.json").write_text(json.dumps(held))
    assert one == select_by_power(asked, tmp_path / "b", serial, silent)
    other = replace(asked, settings=replace(asked.settings, seed=2))
    assert one[1:] != select_by_power(other, tmp_path / "c", serial, silent)[1:]


def test_the_chain_takes_the_best_trial(tmp_path):
    prepared, _ = run_chain(question(), tmp_path, serial, silent)
    written = json.loads((tmp_path / "nplm.json").read_text())["settings"]
    powers = written["selection"]
    assert len(powers) == written["select_trials"] == 6
    chosen = max(powers, key=lambda power: power["z"])["candidate"]
    assert prepared.work.statistic.sigmas == tuple(chosen["sigmas"]) == (*written["sigmas_used"],)
    assert prepared.columns == (tuple(chosen["columns"]) or ("x0", "x1", "x2"))
