"""One flat pool: the same results in any order, nothing twice, nothing lost."""

import numpy as np
import pytest
from executors import AnyOrder, Counting, Deadly
from toys import QUICK_CATHODE

from raysearch.scanning.conduct import Conduct
from raysearch.scanning.executor import Serial
from raysearch.scanning.results import read_results
from raysearch.scanning.work import prepare_cell, retrain, run_sets


def rows(scan, *without):
    drop = {"seconds", *without}
    return [{k: v for k, v in row.items() if k not in drop} for row in scan.table().to_pylist()]


def same(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_equal(a, b)


def test_every_fit_and_every_choice_is_a_row(pretended, run):
    pretended()
    table = run(Serial(), modes=("idealised", "cwola")).table()
    half = [row for row in table.to_pylist() if row["stage"] == "half"]
    full = [row for row in table.to_pylist() if row["stage"] == "full"]
    assert len(half) == 2 * 2 * 3 * 2
    assert len(full) == 2 * 2 * 3
    assert {row["repeat"] for row in half} == {0, 1}
    assert {row["objective"] for row in full} == {"val_sic", "val_loss", "max_sic"}
    assert all(np.isfinite(row["max_sic"]) for row in half + full)
    assert len({row["config.pretender.level"] for row in half}) == 3


@pytest.mark.parametrize(("workers", "seed"), [(1, 0), (2, 1), (3, 2), (17, 3)])
def test_results_do_not_depend_on_workers_or_order(pretended, run, workers, seed):
    pretended()
    expected = rows(run(Serial(), "one"))
    same(rows(run(AnyOrder(workers, seed), "several")), expected)


def test_other_detectors_sets_and_strengths_change_no_trial(pretended, run):
    pretended()
    few = rows(run(Serial(), "few", n_signal=(100,), sets=2))
    many = rows(run(Serial(), "many", n_signal=(0, 100), sets=4, modes=("cwola", "idealised")))
    chosen = [
        row
        for row in many
        if (row["mode"], row["n_signal"]) == ("idealised", 100) and row["set"] < 2
    ]
    same([r for r in chosen if r["stage"] == "half"], [r for r in few if r["stage"] == "half"])


def test_samples_are_released_and_few_at_a_time(pretended, run, monkeypatch):
    pretended()
    seen = []
    monkeypatch.setattr(Conduct, "_release", _watched(Conduct._release, seen))
    run(AnyOrder(2, 0), n_signal=tuple(range(0, 90, 10)), sets=4)
    (conduct, *_), held = seen[0], [count for _, count in seen]
    assert conduct.most_open <= 3
    assert max(held) <= 3
    assert held[-1] == 0


def _watched(release, seen):
    def watched(self):
        release(self)
        seen.append((self, sum(course.sample is not None for course in self._open)))

    return watched


def test_what_is_finished_never_runs_again(pretended, run, tmp_path):
    pretended()
    first, second, third = Counting(most=5), Counting(), Counting()
    with pytest.raises(KeyboardInterrupt):
        run(first, sets=6)
    finished = len(read_results(tmp_path / "scan").half)
    assert finished >= 1
    scan = run(second, sets=6)
    assert second.trials == 2 * 6 - finished
    same(rows(scan), rows(run(Serial(), "whole", sets=6)))
    run(third, sets=6)
    assert third.trials == 0


def test_a_failing_trial_is_recorded_and_costs_no_other(pretended, run):
    def rule(member, epoch, features):
        scores = features[:, 1].copy()
        if member.seed % 2:
            scores[0] = np.nan
        return scores

    pretended(rule)
    table = run(Serial(), sets=4, repeats=1).table().to_pylist()
    half = [row for row in table if row["stage"] == "half"]
    failed = [row for row in half if row["error"] is not None]
    assert 0 < len(failed) < len(half)
    assert all("finite" in row["error"] and np.isnan(row["val_sic"]) for row in failed)
    chosen = {row["set"] for row in table if row["stage"] == "full"}
    assert chosen <= {row["set"] for row in half if row["error"] is None}


def test_a_piece_that_kills_workers_is_tried_set_by_set(pretended, run):
    pretended()
    bad = []

    def kills(function, arguments):
        if function is not run_sets:
            return False
        bad[:] = bad or [next(iter(arguments[2]))]
        return bad[0] in arguments[2]

    executor = Deadly(kills)
    half = [row for row in run(executor).table().to_pylist() if row["stage"] == "half"]
    errors = {(row["n_signal"], row["set"]): row["error"] for row in half}
    assert errors[0, 0] == errors[100, 0] == "RuntimeError: the worker died"
    assert sum(error is not None for error in errors.values()) == 2
    assert all(len(arguments[2]) == 1 for arguments in executor.lost[-1:])


def test_a_cell_that_cannot_be_prepared_fails_alone(pretended, run):
    pretended()
    scan = run(Deadly(lambda f, a: f is prepare_cell and a[1].n_signal == 0))
    half = [row for row in scan.table().to_pylist() if row["stage"] == "half"]
    assert all("could not be prepared" in r["error"] for r in half if r["n_signal"] == 0)
    assert all(r["error"] is None for r in half if r["n_signal"] == 100)
    assert scan.about["complete"] is True


def test_a_retraining_that_fails_is_recorded(pretended, run):
    pretended()
    scan = run(Deadly(lambda function, _: function is retrain))
    full = [row for row in scan.table().to_pylist() if row["stage"] == "full"]
    assert len(full) == 6
    assert {row["error"] for row in full} == {"RuntimeError: the worker died"}
    assert all(np.isnan(row["max_sic"]) for row in full)


def test_a_density_is_trained_once_in_each_cell(pretended, run, journal, monkeypatch):
    from raysearch.density import fit as density

    pretended()
    asked, fit = [], density.fit_density
    monkeypatch.setattr(density, "fit_density", lambda *a: asked.append(1) or fit(*a))
    settings = {"modes": ("cathode",), "cathode": QUICK_CATHODE}
    with pytest.raises(KeyboardInterrupt):
        run(Counting(most=2), **settings)
    begun = len(asked)
    scan = run(Serial(), **settings)
    assert len(asked) == 2
    assert begun >= 1
    assert len(list((scan.directory / "templates").iterdir())) == 2
    assert scan.about["cells"]["cathode-baseline-0"]["density"]["check"]["auc"] > 0
    assert sum(entry["kind"] == "cell" for entry in journal(scan)) == 2


def test_a_kill_before_the_template_is_kept_loses_no_check_of_the_density(
    pretended, run, monkeypatch
):
    from raysearch.scanning import execute

    pretended()
    settings = {"modes": ("cathode",), "cathode": QUICK_CATHODE, "n_signal": (0,)}
    with monkeypatch.context() as patch:
        patch.setattr(execute, "write_columns", _killed)
        with pytest.raises(KeyboardInterrupt):
            run(Serial(), **settings)
    scan = run(Serial(), **settings)
    assert scan.about["cells"]["cathode-baseline-0"]["density"]["check"]["auc"] > 0


def _killed(path, events):
    raise KeyboardInterrupt


def test_an_objective_of_all_rows_chooses_a_set_like_any_other(pretended, run):
    pretended()
    found = rows(run(Serial(), objectives=("cross_sic", "max_sic"), n_signal=(100,), sets=4))
    half = [row for row in found if row["stage"] == "half"]
    # Both halves of a pair have the value of all rows; luck is known of each fit.
    assert all(np.isfinite(row["cross_sic"] + row["val_sic_permuted"]) for row in half)
    of_set = {k: [row["cross_sic"] for row in half if row["set"] == k] for k in range(4)}
    assert all(first == second for first, second in of_set.values())
    (full,) = (row for row in found if row["objective"] == "cross_sic")
    assert full["set"] == max(of_set, key=lambda k: of_set[k][0])
    assert np.isfinite([full["cross_sic"], full["max_sic"]]).all()
    assert np.isnan(full["sic_area"])
