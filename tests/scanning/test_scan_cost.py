from dataclasses import replace

import numpy as np
import pytest
from toys import QUICK_CATHODE, toy_events, toy_sample

from raysearch.density import fit as density
from raysearch.detectors import detector
from raysearch.errors import InputError
from raysearch.scanning import cost
from raysearch.scanning.cells import Cell
from raysearch.scanning.cost import Cost, estimate, of_all_costs, thinned
from raysearch.scanning.execute import draw_all
from raysearch.scanning.inputs import rehearsals, scan_inputs
from raysearch.scanning.settings import ScanSettings


@pytest.fixture
def estimated(monkeypatch):
    """The estimate of a scan of toys, each piece of work taking one CPU second."""
    monkeypatch.setattr(cost, "_cpu_s", lambda work: (work(), 1.0)[1])

    def of(**changed):
        chosen = {"n_signal": (0, 100), "detectors": ("hgb",), "sets": 4, "repeats": 2}
        settings = ScanSettings(**{**chosen, **changed})
        sources = {"events": toy_events(3000, 200), "template": None, "test": None}
        tried = rehearsals(scan_inputs(sources, settings), settings)
        return estimate(settings, draw_all(settings), tried)

    return of


def test_the_hours_follow_from_the_number_of_fits(estimated):
    """A sample that is timed whole: 1 s a fit, members on 1.6 x the rows for 3 objectives."""
    found, members = estimated(), detector("hgb").ensemble_size
    assert found.fits == 2 * 4 * 2
    assert found.cpu_hours["hgb"] == pytest.approx(2 * (4 * 2 + 1.6 * 3 * members) / 3600)


def test_networks_are_retrained_for_more_epochs(estimated):
    found, mlp = estimated(detectors=("mlp",), sets=1), detector("mlp")
    fits = mlp.ensemble_size * mlp.final_epochs / mlp.search_epochs
    assert found.total == pytest.approx(2 * (2 + 1.6 * 3 * fits) / 3600)


def test_twice_the_strengths_cost_twice(estimated):
    once, twice = estimated(), estimated(n_signal=(0, 50, 80, 100))
    assert twice.total == pytest.approx(2 * once.total)


def test_a_density_is_trained_in_every_cell(estimated):
    found = estimated(modes=("cathode",), cathode=QUICK_CATHODE)
    # Two epochs of a second each, and a second for as many samples as there are sidebands.
    sources = {"events": toy_events(3000, 200), "template": None, "test": None}
    settings = ScanSettings(n_signal=(100,), modes=("cathode",), cathode=QUICK_CATHODE)
    (tried,) = rehearsals(scan_inputs(sources, settings), settings).values()
    samples = (~tried.sample.rows.is_data).sum() / len(tried.learned)
    assert found.cpu_hours["density"] == pytest.approx(2 * (2 + samples) / 3600)


def test_a_density_is_warm_before_it_is_timed(estimated, monkeypatch):
    asked, timed = [], []
    fit = density.fit_density
    monkeypatch.setattr(density, "fit_density", lambda *a: asked.append(1) or fit(*a))
    monkeypatch.setattr(cost, "_cpu_s", lambda work: (timed.append(len(asked)), work(), 1.0)[2])
    estimated(modes=("cathode",), cathode=QUICK_CATHODE)
    # The fits of the detector come first; then the density is timed after one fit of it.
    assert [count for count in timed if count] == [1, 2]


def test_densities_of_a_search_cost_and_one_that_diverges_refuses_nothing(estimated, monkeypatch):
    """What each takes is pretended; the first, the third and so on have a finite loss."""
    from raysearch.density import sets

    few, often = [], replace(QUICK_CATHODE, trials=4)
    diverging = [{**QUICK_CATHODE.parameters, "learning_rate": rate} for rate in (1e-2, 1e30)]
    monkeypatch.setattr(sets, "suggested_sets", lambda *_: few.append(1) or diverging * 2)
    monkeypatch.setattr(cost, "_cpu_s", lambda work: (work(), 1.0)[1])
    once = estimated(modes=("cathode",), cathode=QUICK_CATHODE).cpu_hours["density"]
    four = estimated(modes=("cathode",), cathode=often).cpu_hours["density"]
    assert few
    assert four > 1.5 * once


def test_the_timed_sets_stand_for_all_from_the_cheapest_to_the_dearest():
    """The sets are drawn with max_iter uniform in 2 to 199, whose mean is 100."""
    sets = draw_all(ScanSettings(detectors=("hgb",), sets=100))["hgb"]
    ordered = of_all_costs(sets)
    assert sorted(map(id, ordered)) == sorted(map(id, sets))
    costs = [own["hgb/max_iter"] for own in sets]
    timed = [own["hgb/max_iter"] for own in ordered[:5]]
    assert np.mean(timed) == pytest.approx(np.mean(costs), rel=0.05)
    np.testing.assert_allclose(timed, np.quantile(costs, [0.1, 0.3, 0.5, 0.7, 0.9]), atol=8)


def test_the_batches_of_networks_are_timed_from_the_smallest_to_the_largest():
    sets = draw_all(ScanSettings(detectors=("mlp",), sets=70))["mlp"]
    timed = [own["mlp/batch_size"] for own in of_all_costs(sets)[:5]]
    assert timed == sorted(timed)
    assert (timed[0], timed[-1]) == (64, 5096)


def test_a_set_that_fails_is_left_out_and_another_timed(monkeypatch):
    def run_trial(chosen, sample, repeats):
        if chosen.parameters["max_iter"] < 100:
            raise ValueError("it fails at once")

    seconds = iter(range(100))
    monkeypatch.setattr(cost, "run_trial", run_trial)
    monkeypatch.setattr(cost, "_cpu_s", lambda work: (work(), 1.0 + next(seconds))[1])
    sets = draw_all(ScanSettings(detectors=("hgb",), sets=40))["hgb"]
    assert cost._fit_s("hgb", Cell("cwola", "baseline", 0), sets, None) == np.mean([1, 2, 3, 4, 5])
    assert cost._fit_s("hgb", Cell("cwola", "baseline", 0), _cheap(sets), None) == 0


def _cheap(sets):
    return [own for own in sets if own["hgb/max_iter"] < 100]


def test_a_sample_is_thinned_in_rows_and_test_events():
    sample = toy_sample(n_data=9000, n_template=9000, test=(4000, 2000))
    few = thinned(sample, seed=1)
    assert (len(few.rows.features), len(few.mjj_tev), len(few.test)) == (12_000, 12_000, 4_000)
    assert 0 < few.test_is_signal.sum() < 4_000


def test_a_scan_that_costs_too_much_shows_the_estimate_and_the_remedy():
    with pytest.raises(InputError) as refused:
        Cost({"mlp": 40.0, "hgb": 2.0}, 14, 14_000).check(2.0)
    told = str(refused.value)
    assert "--max-cpu-hours 2" in told
    assert "42 CPU hours (mlp 40, hgb 2)" in told
    assert "14 cells and 14,000 fits" in told
    assert "add --yes" in told


def test_a_scan_within_the_limit_is_not_refused():
    Cost({"mlp": 1.9}, 1, 1).check(2.0)
