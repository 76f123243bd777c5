"""Selection by power: the candidate that finds the signal, resumable, inside the calibration."""

import json
from dataclasses import replace

import numpy as np
import pytest
from nplm_toys import points
from scipy import stats

from raysearch.errors import InputError
from raysearch.nplm.candidates import Candidate, candidate_from_words
from raysearch.nplm.chain import run_chain
from raysearch.nplm.nuisances import Nuisance
from raysearch.nplm.power import judge
from raysearch.nplm.question import Question
from raysearch.nplm.settings import NplmSettings
from raysearch.nplm.work import serial

SETTINGS = NplmSettings(toys=30, centres=40, penalty=1e-6, n_signal_select=20, select_toys=30)
CANDIDATES = tuple(Candidate(c, (1.0,), 40) for c in (("x1", "x2"), ("x0",), ("x0", "x1", "x2")))


def question(seed=1, n=2000, n_data=200, **changes):
    """Noise beside one column that separates the signal."""
    rng = np.random.default_rng(seed)
    samples = {
        "data": points(rng.normal(size=(n_data, 3))),
        "reference": points(rng.normal(size=(n, 3))),
        "signal": points(rng.normal(size=(100, 3)) * [0.2, 1, 1] + [2.0, 0, 0]),
    }
    settings = replace(SETTINGS, select=CANDIDATES, **changes)
    return Question(samples, settings)


def silent(line):
    pass


def refused(*_):
    raise AssertionError("no toy should be made")


def test_the_chain_takes_the_columns_of_the_signal_and_tells_all_powers(tmp_path):
    prepared, result = run_chain(question(), tmp_path, serial, silent)
    assert prepared.columns == ("x0",)
    written = json.loads((tmp_path / "nplm.json").read_text())["settings"]
    assert written["columns_used"] == ["x0"]
    z = [judged["z"] for judged in written["selection"]]
    assert len(z) == 3
    assert z[1] == max(z)
    assert abs(z[0]) < 4 * written["selection"][0]["z_error"] + 0.2
    # Nothing is left to do for a second run, which gives the same.
    again = run_chain(question(), tmp_path, lambda jobs: iter(()), silent)[1]
    assert again.p_empirical == result.p_empirical


def counted(toys, most=None):
    """A serial runner that counts toys and is interrupted after so many batches."""

    def runs(jobs):
        for k, (batch, values) in enumerate(serial(jobs)):
            if k == most:
                raise KeyboardInterrupt
            toys.append(len(batch.seeds))
            yield batch, values

    return runs


def test_an_interrupted_selection_loses_a_batch(tmp_path):
    before, after, all_toys = [], [], []
    with pytest.raises(KeyboardInterrupt):
        run_chain(question(), tmp_path / "a", counted(before, 3), silent)
    resumed = run_chain(question(), tmp_path / "a", counted(after), silent)[1]
    whole = run_chain(question(), tmp_path / "b", counted(all_toys), silent)[1]
    assert sum(before) + sum(after) == sum(all_toys) == 3 * 2 * 30 + 30
    assert resumed.settings["selection"] == whole.settings["selection"]
    assert resumed.p_empirical == whole.p_empirical
    with pytest.raises(InputError, match="differs in n_signal_select"):
        run_chain(question(n_signal_select=9), tmp_path / "a", refused, silent)


def test_toys_of_all_candidates_are_one_heap(tmp_path):
    """In whichever order they are made; those of one candidate share one object."""
    asked, shared = question(), []

    def backwards(jobs):
        all_jobs = list(jobs)
        shared.extend(work for work, _ in all_jobs)
        yield from reversed(list(serial(all_jobs)))

    one = judge(asked, CANDIDATES, tmp_path / "a", backwards)
    assert len(shared) == 3 * 2 * 3
    assert len(set(map(id, shared))) == 3
    assert one == judge(asked, CANDIDATES, tmp_path / "b", serial)


def test_the_data_play_no_part_in_the_power(tmp_path):
    one, other = question(), question()
    shifted = points(other.points["data"].values + 3)
    other = replace(other, points={**other.points, "data": shifted})
    found = [judge(q, CANDIDATES[1:2], tmp_path / f"{id(q)}", serial) for q in (one, other)]
    assert found[0] == found[1]


def first(points):
    return points[:, 0] / 10


def normal(rng, n):
    return rng.normal(size=(n, 3))


@pytest.mark.parametrize(
    ("changes", "of_question"),
    [
        ({"method": "neural", "hidden": (2,), "clip": 3.0, "steps": 5, "starts": 1}, {}),
        ({"draws": "sampler"}, {"sampler": normal}),
        ({}, {"nuisances": (Nuisance("shift", 0.1, (first,)),)}),
    ],
)
def test_every_statistic_has_a_power(changes, of_question, tmp_path):
    asked = replace(question(**changes), **of_question)
    columns = () if "nuisances" in of_question else ("x0",)
    (power,) = judge(asked, [Candidate(columns, (1.0,), 40)], tmp_path, serial)
    assert np.isfinite(power.z)


def test_candidates_are_refused_before_anything_is_computed(tmp_path):
    unknown = replace(question(), settings=replace(SETTINGS, select=(Candidate(("x7",)),)))
    with pytest.raises(InputError, match="must be among x0, x1, x2"):
        run_chain(unknown, tmp_path / "a", refused, silent)
    with pytest.raises(InputError, match="needs signal and the number of its events"):
        run_chain(question(n_signal_select=None), tmp_path / "b", refused, silent)
    imperfect = replace(question(), nuisances=(Nuisance("shift", 0.1, (first,)),))
    with pytest.raises(InputError, match="candidates must compare all"):
        run_chain(imperfect, tmp_path / "c", refused, silent)


@pytest.mark.parametrize("text", ["sigma=a", "centres=1.5", "width=3"])
def test_a_candidate_is_spelled_in_known_words(text):
    with pytest.raises(InputError, match="sigma"):
        candidate_from_words(text)


@pytest.mark.slow
def test_p_of_the_whole_chain_is_uniform(tmp_path):
    """Data, reference and signal drawn anew each time, the selection included."""
    p = []
    for seed in range(120):
        asked = question(seed, n=600, n_data=100, toys=39, select_toys=10)
        asked = replace(asked, settings=replace(asked.settings, select=CANDIDATES[:2]))
        p.append(run_chain(asked, tmp_path / f"{seed}", serial, silent)[1].p_empirical.value)
    spread = np.array(p) - np.random.default_rng(0).uniform(0, 1 / 40, len(p))
    assert stats.kstest(spread, "uniform").pvalue > 0.01
