"""What the system loses is no result: it is tried again, in the scan and when that is resumed."""

import numpy as np
import pytest
import ray
from executors import Losing
from ray.exceptions import OutOfMemoryError, RayError, RayTaskError, WorkerCrashedError
from test_scan_conduct import rows, same

from raysearch.scanning.executor import Lost, Serial
from raysearch.scanning.parallel import RayTasks
from raysearch.scanning.results import read_results
from raysearch.scanning.work import judge_ensembles, prepare_cell, retrain, run_sets


def first(count, function):
    """A rule that loses the first calls of a function."""
    left = [count]

    def rule(called, arguments):
        if called is not function or not left[0]:
            return False
        left[0] -= 1
        return True

    return rule


@pytest.fixture
def whole(pretended, run):
    """The rows of a scan that nothing disturbs."""
    pretended()
    return rows(run(Serial(), "whole", sets=4))


@pytest.mark.parametrize("function", [run_sets, retrain, judge_ensembles, prepare_cell])
def test_what_is_lost_runs_again_on_a_sample_made_anew(run, whole, function):
    executor = Losing(first(1, function))
    scan = run(executor, sets=4)
    assert executor.started.count(prepare_cell) == 2 + 1
    same(rows(scan), whole)
    assert scan.about["complete"] is True


@pytest.mark.parametrize(
    "always",
    [
        lambda function, arguments: function is run_sets,
        lambda function, arguments: function is retrain,
        lambda function, arguments: function is prepare_cell and arguments[1].n_signal == 100,
    ],
    ids=["sets", "ensembles", "sample"],
)
def test_what_is_lost_again_and_again_is_no_result_and_is_tried_on_resume(run, whole, always):
    scan = run(Losing(always), sets=4)
    assert scan.about["complete"] is False
    lost = [row for row in rows(scan) if row["error"] is not None]
    assert lost
    assert all("NodeDiedError: the node is gone" in row["error"] for row in lost)
    assert all(np.isnan(row["val_sic"]) for row in lost)
    assert read_results(scan.directory).lost == 0
    resumed = run(Serial(), sets=4)
    same(rows(resumed), whole)
    assert resumed.about["complete"] is True


def test_the_choice_is_made_anew_when_a_lost_set_turns_out_to_be_the_best(run, whole):
    best = next(r["set"] for r in whole if (r["n_signal"], r["objective"]) == (0, "val_sic"))
    numbers = {number for row in whole for number in [row["set"]]}

    def always(function, arguments):
        return function is run_sets and sorted(arguments[2])[0] % 2**16 == best

    assert len(numbers) == 4
    run(Losing(always), sets=4)
    same(rows(run(Serial(), sets=4)), whole)


def test_what_a_function_raises_is_final_and_costs_no_sample(run, pretended):
    from executors import Deadly

    pretended()
    executor = Deadly(lambda function, arguments: function is run_sets)
    scan = run(executor)
    assert executor.started.count(prepare_cell) == 2
    assert scan.about["complete"] is True
    assert len(read_results(scan.directory).half) == 2 * 3


def of_task(cause):
    """The error of a task that `cause` ended."""
    return RayTaskError("run_sets", "Traceback", cause, "ray::run_sets", 1, "127.0.0.1")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (of_task(ValueError("no bins")), ValueError),
        (of_task(of_task(ValueError("no bins"))), ValueError),
        (of_task(RayError("what was raised cannot be pickled")), RayError),
        (WorkerCrashedError(), Lost),
        (of_task(WorkerCrashedError()), Lost),
        (OutOfMemoryError("the node ran out of memory"), Lost),
    ],
)
def test_errors_of_ray_are_told_from_those_of_the_function(error, expected, monkeypatch):
    def get(handle):
        raise error

    monkeypatch.setattr(ray, "get", get)
    with pytest.raises(expected) as found:
        RayTasks().result(None)
    assert type(found.value) is expected
