"""Both backends on real Ray processes: the same results, the same faults."""

import signal
import time
from contextlib import contextmanager

import psutil
import pytest
import ray
from failing_space import lasting
from processes import first_killed, kill_children
from toys import VIEW, toy_sample

from raysearch.racing import ladder
from raysearch.settings import Resources, Settings
from raysearch.trial import Setup, run_trial
from raysearch.tuning.assignments import as_lists
from raysearch.tuning.cluster import share
from raysearch.tuning.history import History
from raysearch.tuning.run import run_search
from raysearch.tuning.task import Task

pytestmark = [
    pytest.mark.xdist_group("ray"),
    pytest.mark.usefixtures("local_ray"),
    pytest.mark.filterwarnings("default"),
]


def run(directory, backend, space, trials, sampler="random", on_record=lambda *_: None, **limits):
    """The history of a search over a toy sample, and what it said."""
    directory.mkdir(exist_ok=True)
    space = f"failing_space:{space}" if ":" not in space and space != "mlp" else space
    settings = Settings(trials=trials, repeats=2, sampler=sampler, space=space, seed=5)
    history = History(directory, settings)
    task = Task(share({VIEW: toy_sample()}), 2, 5)
    said = []
    resources = Resources(backend=backend, **limits)
    reason = run_search(history, task, settings, resources, on_record, said.append)
    return history, said, reason


def timeless(history):
    return {i: (p, r._replace(seconds=0.0)) for i, (p, r) in history.records().items()}


@contextmanager
def occupied(cpus):
    group = ray.util.placement_group([{"CPU": cpus}])
    ray.get(group.ready())
    yield
    ray.util.remove_placement_group(group)


@pytest.mark.slow
def test_a_random_search_is_the_same_by_either_backend_and_with_one_worker_or_two(tmp_path):
    tune, _, _ = run(tmp_path / "tune", "tune", "quick", 12)
    two, _, _ = run(tmp_path / "two", "direct", "quick", 12)
    with occupied(1):
        one, _, _ = run(tmp_path / "one", "direct", "quick", 12)
    assert timeless(two) == timeless(one) == timeless(tune)
    states = {record.state for _, record in two.records().values()}
    assert states == {"COMPLETE", "FAIL"}


def undisturbed(directory, trials):
    """Parameters and metrics of the same search by index, trial after trial in this process."""
    directory.mkdir()
    history = History(directory, Settings(trials=trials, sampler="random", seed=5))
    for _ in range(trials):
        index, trial = history.ask()
        config = lasting(trial)
        setup = Setup(*VIEW, config["detector"], config["parameters"])
        found = run_trial(setup, toy_sample(), repeats=2, seed=5, index=index)
        yield index, (dict(trial.params), as_lists(found.values))


def test_a_trial_whose_worker_is_killed_is_given_again(tmp_path):
    killed = []

    def kill_once(index, record):
        # A trial has ended: a worker is at the next one.
        if not killed:
            killed.extend(kill_children("TrialWorker"))

    disturbed, _, _ = run(tmp_path / "b", "direct", "lasting", 5, on_record=kill_once)
    assert killed
    found = {i: (dict(p), r.metrics) for i, (p, r) in disturbed.records().items()}
    assert found == dict(undisturbed(tmp_path / "a", 5))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["direct", "tune"])
def test_a_trial_that_hangs_fails_with_the_limit_and_costs_no_other(tmp_path, backend):
    history, _, reason = run(tmp_path, backend, "endless", 9, trial_timeout_s=12)
    records = {index: record for index, (_, record) in history.records().items()}
    assert (sorted(records), reason) == (list(range(9)), None)
    failed = {index: record.error for index, record in records.items() if record.state == "FAIL"}
    hanging = [index for index, (found, _) in history.records().items() if found["bins"] > 6]
    limit = "OverdueError: it took longer than trial_timeout_s = 12"
    assert hanging
    assert failed == dict.fromkeys(hanging, limit)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["direct", "tune"])
def test_a_trial_whose_process_stands_still_fails_with_the_limit(tmp_path, monkeypatch, backend):
    monkeypatch.setattr("raysearch.tuning.limit._GRACE_S", 1.0)
    # What Tune calls the class of an actor that is at a trial.
    title = {"direct": "TrialWorker.run", "tune": "ResourceTrainable.train"}[backend]
    with first_killed(title, signal.SIGSTOP) as stopped:
        history, _, reason = run(tmp_path, backend, "lasting", 6, trial_timeout_s=15)
    assert reason is None
    errors = [record.error for _, record in history.records().values()]
    limit = "OverdueError: it took longer than trial_timeout_s = 15"
    # One may have come to its end at this very moment, and another process took what was next.
    assert 0 < errors.count(limit) <= len(stopped)
    assert errors.count(limit) + errors.count(None) == 6
    ends = time.monotonic() + 30
    while any(psutil.pid_exists(pid) for pid in stopped):
        assert time.monotonic() < ends
        time.sleep(0.1)


def test_short_trials_stay_with_the_direct_backend(tmp_path, monkeypatch):
    monkeypatch.setattr("raysearch.tuning.run.run_tuned", None)
    history, said, reason = run(tmp_path / "s", "auto", "quick", 12)
    assert (len(history.records()), reason) == (12, None)
    assert len(said) == 1
    assert "staying with the direct backend" in said[0]


def test_long_trials_are_handed_over_to_tune_where_the_study_is(tmp_path, monkeypatch):
    monkeypatch.setattr("raysearch.tuning.pace.LONG_S", 1e-6)
    handed = []

    def tuned(book, *_):
        handed.append(book.history.left)
        while suggestion := book.next():
            book.history.finish(book._open.pop(suggestion.index), some)

    monkeypatch.setattr("raysearch.tuning.run.run_tuned", tuned)
    (_, some), *_ = run(tmp_path / "a", "direct", "lasting", 1)[0].records().values()
    history, said, _ = run(tmp_path / "s", "auto", "lasting", 12)
    assert 0 < handed[0] <= 7
    assert "handing over to Ray Tune" in said[0]
    assert sorted(history.records()) == list(range(12))


@pytest.mark.parametrize("backend", ["direct", pytest.param("tune", marks=pytest.mark.slow)])
def test_trials_that_fall_behind_are_stopped_in_either_backend(tmp_path, backend):
    history, _, _ = run(tmp_path / "s", backend, "mlp", 10, sampler="tpe")
    ended = [(r.state, r.epochs) for _, r in history.records().values()]
    rungs = {r.epochs for r in ladder(2, 20) if r.epochs}
    assert ("COMPLETE", 20) in ended
    assert {epochs for state, epochs in ended if state == "PRUNED"} <= rungs
    assert any(state == "PRUNED" for state, _ in ended)


def test_the_time_budget_ends_the_direct_backend(tmp_path):
    history, _, reason = run(tmp_path / "s", "direct", "lasting", 500, time_budget_s=5)
    assert reason == "the time budget is used up"
    assert len(history.records()) + history.left == 500
