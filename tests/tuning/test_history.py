"""The study's memory survives any interruption."""

import numpy as np
import optuna
import pytest

from raysearch.records import Record
from raysearch.settings import Settings
from raysearch.tuning.history import History
from search_spaces.weak_supervision import space


def record(value=0.1, state="COMPLETE"):
    return Record(state, {"val_sic": [value, value]}, 1, 0.5, None, "hgb")


def run(history, count, value=0.1):
    for _ in range(count):
        _, trial = history.ask()
        space(trial)
        history.begin(trial)
        history.finish(trial, record(value))
    history.commit()


def configs(history):
    return {index: params for index, (params, _) in history.records().items()}


@pytest.fixture
def settings():
    return Settings(trials=6, sampler="random", seed=3)


def test_a_reopened_history_goes_on_where_it_was(tmp_path, settings):
    run(History(tmp_path, settings), 4)
    again = History(tmp_path, settings)
    assert again.left == 2
    run(again, 2)
    assert list(again.records()) == [0, 1, 2, 3, 4, 5]


def test_an_interrupted_trial_is_given_again_with_the_same_parameters(tmp_path, settings):
    first = History(tmp_path, settings)
    run(first, 1)
    index, trial = first.ask()
    space(trial)
    first.begin(trial)
    first.commit()
    first.close()
    second = History(tmp_path, settings)
    again, same = second.ask()
    space(same)
    assert again == index
    assert same.params == trial.params
    second.finish(same, record())
    run(second, second.left)
    assert list(second.records()) == list(range(6))


def test_what_was_not_committed_is_given_again(tmp_path, settings):
    history = History(tmp_path, settings)
    run(history, 2)
    _, trial = history.ask()
    space(trial)
    history.begin(trial)
    history.finish(trial, record(0.7))
    del history
    again = History(tmp_path, settings)
    assert again.left == 4
    index, same = again.ask()
    space(same)
    assert (index, same.params) == (2, trial.params)


def test_optuna_reads_what_was_written(tmp_path, settings):
    history = History(tmp_path, settings)
    run(history, 2)
    for state in ("PRUNED", "FAIL"):
        _, trial = history.ask()
        space(trial)
        history.finish(trial, record(0.3, state)._replace(epochs=7))
    _, trial = history.ask()
    space(trial)
    history.begin(trial)
    history.commit()
    again = History(tmp_path, settings)
    for index in range(4):
        was, found = history._storage.get_trial(index), again._storage.get_trial(index)
        for part in ("state", "params", "distributions", "values", "intermediate_values"):
            assert getattr(was, part) == getattr(found, part)
    read = optuna.load_study(study_name=None, storage=f"sqlite:///{tmp_path / 'optuna.db'}").trials
    assert [t.state.name for t in read] == ["COMPLETE", "COMPLETE", "PRUNED", "FAIL", "RUNNING"]
    for theirs in read:
        ours = history._storage.get_trial(theirs.number)
        for part in ("number", "params", "distributions", "values", "intermediate_values"):
            assert getattr(theirs, part) == getattr(ours, part)
        for moment in ("datetime_start", "datetime_complete"):
            mine, its = getattr(ours, moment), getattr(theirs, moment)
            assert (mine is None) == (its is None)
            assert mine is None or abs((mine - its).total_seconds()) < 60


def test_a_trial_killed_twice_is_still_given_once(tmp_path, settings):
    for _ in range(3):
        history = History(tmp_path, settings)
        _, trial = history.ask()
        space(trial)
        history.begin(trial)
        history.commit()
        history.close()
    history = History(tmp_path, settings)
    run(history, history.left)
    assert list(history.records()) == list(range(6))


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_suggestions_do_not_depend_on_interruptions(tmp_path, sampler):
    settings = Settings(trials=14, sampler=sampler, seed=5)
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    whole = History(tmp_path / "whole", settings)
    run(whole, 14)
    for _ in range(7):
        run(History(tmp_path / "parts", settings), 2)
    assert configs(History(tmp_path / "parts", settings)) == configs(whole)


def test_seeds_decide_the_suggestions(tmp_path):
    found = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        history = History(tmp_path / name, Settings(trials=3, sampler="random", seed=seed))
        run(history, 3)
        found.append(configs(history))
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("state", ["PRUNED", "FAIL"])
def test_a_trial_that_is_not_complete_is_never_best(tmp_path, settings, state):
    history = History(tmp_path, settings)
    run(history, 1, value=0.1)
    _, trial = history.ask()
    space(trial)
    history.finish(trial, record(9.0, state)._replace(error="why" if state == "FAIL" else None))
    assert history.study.best_value == pytest.approx(0.1)
    assert history.records()[1][1].state == state


def test_tpe_finds_better_setups_than_random_search(tmp_path):
    def value(params):
        if params["detector"] != "hgb":
            return 0.0
        off = np.log10(params["hgb/learning_rate"]) + 1.5
        return float(np.exp(-(off**2)) * params["hgb/max_iter"] / 199)

    best = {"tpe": [], "random": []}
    for sampler, seed in [(s, seed) for s in best for seed in range(5)]:
        folder = tmp_path / f"{sampler}{seed}"
        folder.mkdir()
        history = History(folder, Settings(trials=40, sampler=sampler, seed=seed))
        for _ in range(40):
            _, trial = history.ask()
            space(trial)
            history.finish(trial, record(value(trial.params)))
        best[sampler].append(history.study.best_value)
    assert np.mean(best["tpe"]) > np.mean(best["random"])
