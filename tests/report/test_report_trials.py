import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from raysearch.report.contents import NotAvailable
from raysearch.report.figures import FIGURES
from raysearch.report.importance import importances, share_of_choice
from raysearch.report.parallel import heights
from raysearch.report.trials import Parameter, parameters, rank_correlation, robust_limits


def labels_of(axes):
    return axes.get_legend_handles_labels()[1]


def test_rank_correlation_is_blind_to_monotone_maps_and_shares_ties():
    x = np.array([1.0, 2.0, 2.0, 3.0])
    assert rank_correlation(x, np.exp(x)) == pytest.approx(1)
    assert rank_correlation(x, -(x**3)) == pytest.approx(-1)
    assert rank_correlation(x, np.ones(4)) is None


def test_limits_leave_outliers_out():
    values = np.append(np.linspace(0.69, 0.70, 50), 30.0)
    low, high = robust_limits(values)
    assert low < 0.69 < 0.70 < high < 1


def test_parameters_of_a_detector_are_its_own_and_vary(contents):
    done = contents.trials.filter(pa.array([s == "COMPLETE" for s in _states(contents)]))
    names = {p.name for p in parameters(done, "adaboost")}
    assert names == {"learning_rate", "n_estimators"}


def test_every_objective_has_a_panel_with_its_rank_correlation(contents):
    figure = FIGURES["correlation"](contents)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert len(titles) == 2
    assert "rank correlation +0." in titles[0]
    assert "rank correlation −0." in titles[1]


def test_correlation_needs_labels(unlabelled):
    with pytest.raises(NotAvailable, match="truth labels"):
        FIGURES["correlation"](unlabelled)


def test_history_marks_every_state_and_only_improves(contents):
    axes = FIGURES["history"](contents).axes[0]
    states = _states(contents)
    labels = labels_of(axes)
    assert f"fail ({states.count('FAIL')})" in labels
    assert f"pruned ({states.count('PRUNED')})" in labels
    best = next(line for line in axes.lines if line.get_label() == "best so far")
    assert np.all(np.diff(best.get_ydata()) >= 0)


def test_the_parameter_that_decides_is_the_most_important():
    generator = np.random.default_rng(3)
    rate, idle = 10 ** generator.uniform(-4, -1, 30), generator.integers(1, 9, 30)
    kind = generator.choice(["relu", "tanh"], 30)
    found = [
        Parameter("idle", idle.tolist()),
        Parameter("rate", rate.tolist()),
        Parameter("kind", kind.tolist()),
    ]
    shares = importances(found, -((np.log10(rate) + 2) ** 2))
    assert next(iter(shares)) == "rate"
    assert sum(shares.values()) == pytest.approx(1)
    assert shares == importances(found, -((np.log10(rate) + 2) ** 2))


def test_the_choice_of_detector_is_judged_over_all_trials(contents):
    figure = FIGURES["importance"](contents)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["all trials", "adaboost", "hgb", "mlp"]
    assert share_of_choice(np.array(["a", "a"]), np.array([1.0, 2.0])) is None


def test_every_complete_trial_is_a_line(contents):
    figure = FIGURES["parallel"](contents)
    n_lines = sum(len(line.get_xdata()) > 1 for axes in figure.axes[:3] for line in axes.lines)
    n_axes = sum(len(axes.get_xticks()) for axes in figure.axes[:3])
    assert n_lines - n_axes == _states(contents).count("COMPLETE")


def test_categories_and_flags_stand_at_equal_distances():
    assert heights(Parameter("a", ["x", "z", "y"])).tolist() == [0, 1, 0.5]
    assert heights(Parameter("b", [True, False])).tolist() == [1, 0]


@pytest.mark.parametrize("name", ["history", "importance", "parallel"])
def test_equal_values_do_no_harm(contents, name):
    trials = contents.trials
    place = trials.column_names.index("val_sic")
    column = pa.array([None if v is None else 0.05 for v in trials["val_sic"].to_pylist()])
    flat = dataclasses.replace(contents, trials=trials.set_column(place, "val_sic", column))
    if name == "importance":
        with pytest.raises(NotAvailable, match="complete trials"):
            FIGURES[name](flat)
    else:
        assert FIGURES[name](flat).axes


def _states(contents):
    return contents.trials["state"].to_pylist()
