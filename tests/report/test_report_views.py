"""The objective by mode and feature set, where there are several."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from raysearch.report.page import render_page
from raysearch.report.views import views


@pytest.fixture
def several(contents):
    n = contents.trials.num_rows
    modes = np.where(np.arange(n) % 3 == 0, "cwola", "idealised")
    trials = contents.trials.append_column("config.mode", pa.array(modes))
    settings = {**contents.settings, "mode": ["idealised", "cwola"]}
    return dataclasses.replace(contents, trials=trials, settings=settings)


def test_of_one_pair_nothing_is_said(contents):
    assert views(contents) is None
    assert 'id="views"' not in render_page(contents, [])


def test_each_pair_has_its_trials_and_its_best(several):
    rows = several.trials.to_pylist()
    found = views(several)
    assert [row[:2] for row in found.table.rows] == [
        ["idealised", "baseline"],
        ["cwola", "baseline"],
    ]
    for mode, _, trials, complete, best, detector, trial in found.table.rows:
        own = [row for row in rows if row["config.mode"] == mode]
        done = [row for row in own if row["state"] == "COMPLETE"]
        winner = max(done, key=lambda row: row["val_sic"])
        assert (int(trials), int(complete)) == (len(own), len(done))
        assert (detector, trial) == (winner["config.detector"], winner["trial_id"])
        assert best.startswith(f"{winner['val_sic']:.3f}"[:4])


def test_a_pair_without_a_complete_trial_is_shown_as_such(several):
    settings = {**several.settings, "features": ["baseline", "baseline_dr"]}
    several = dataclasses.replace(several, settings=settings)
    empty = [row for row in views(several).table.rows if row[1] == "baseline_dr"]
    assert [row[2:] for row in empty] == [["0", "0", "–", "–", "–"]] * 2


@pytest.mark.parametrize("strategy", ["joint", "steps"])
def test_the_page_says_the_strategy(several, strategy):
    settings = {**several.settings, "strategy": strategy}
    page = render_page(dataclasses.replace(several, settings=settings), [])
    assert 'id="views"' in page
    assert f"Strategy {strategy}:" in page
    assert "All modes have the same data" in page
