"""A saved detector scores new files with the study's own variant of the inputs."""

import numpy as np
import pytest
from toys import QUICK, fitted, toy_events, two_members

from raysearch.detectors import detector
from raysearch.detectors.ensemble import Ensemble
from raysearch.errors import InputError
from raysearch.features import fit_variation
from raysearch.samples import Rows
from raysearch.scorer import Scorer, load_scorer


def scorer_on(name, events):
    variation = fit_variation(name, events, 7)
    rows = Rows(variation.apply(events, "data").features, events.labels)
    members = two_members(len(events))
    snapshot = fitted(detector("hgb"), rows, members, QUICK["hgb"], epochs=None)
    return Scorer(Ensemble("hgb", name, snapshot), variation)


@pytest.mark.parametrize("name", ["baseline", "baseline+rotated", "baseline+rotated+noise3"])
def test_saved_and_loaded_scores_agree(name, tmp_path):
    scorer = scorer_on(name, toy_events(400, 400))
    new = toy_events(50, 50, seed=3)
    scorer.save(tmp_path)
    loaded = load_scorer(tmp_path)
    np.testing.assert_array_equal(loaded.score(new), scorer.score(new))
    assert (loaded.detector, loaded.features) == ("hgb", name)
    signal, background = (loaded.score(new)[mask].mean() for mask in (new.labels, ~new.labels))
    assert signal > background + 0.5


def test_columns_are_found_by_name_whatever_else_the_file_has(tmp_path):
    scorer, new = scorer_on("baseline+rotated", toy_events(400, 400)), toy_events(50, 50, seed=3)
    more = type(new)(
        np.column_stack([np.zeros(100, np.float32), new.features[:, ::-1]]),
        ("extra", *new.columns[::-1]),
        ("1", *new.units[::-1]),
        new.mjj_tev,
    )
    np.testing.assert_array_equal(scorer.score(more), scorer.score(new))


def test_a_bare_ensemble_refuses_events_that_were_not_varied():
    scorer = scorer_on("baseline+rotated", toy_events(400, 400))
    with pytest.raises(InputError, match="needs the columns rotated_1"):
        scorer.ensemble.score(toy_events(10, 0))


def test_a_missing_variation_is_named(tmp_path):
    scorer_on("baseline+noise1", toy_events(400, 400)).save(tmp_path)
    (tmp_path / "inputs.json").unlink()
    with pytest.raises(InputError, match=r"needs the study's inputs\.json beside it"):
        load_scorer(tmp_path)


def test_a_damaged_variation_is_named(tmp_path):
    scorer_on("baseline+noise1", toy_events(400, 400)).save(tmp_path)
    (tmp_path / "inputs.json").write_text("{")
    with pytest.raises(InputError, match=r"inputs\.json must be whole"):
        load_scorer(tmp_path)
