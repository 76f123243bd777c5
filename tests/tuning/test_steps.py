"""Strategy "steps": what each trial is given, that it waits, and that workers change nothing."""

import numpy as np
import pytest

from raysearch.joint import joint_space, replay
from raysearch.objectives import VAL_SIC
from raysearch.records import Record
from raysearch.samples import View
from raysearch.settings import Settings
from raysearch.tuning.book import Book, Suggestion
from raysearch.tuning.history import History
from raysearch.tuning.searcher import HistorySearch
from raysearch.tuning.steps import MOST_SETS, Steps, steps_of

SETTINGS = Settings(
    mode=("idealised", "cwola"),
    features=("baseline", "baseline_dr"),
    space="hgb",
    sampler="random",
    strategy="steps",
    trials=12,
    seed=3,
)
FIRST = View("idealised", "baseline")


def value_of(setup):
    """The slower the better, and cwola on baseline_dr better than the others."""
    pair = 1.0 if setup.view == View("cwola", "baseline_dr") else 0.0
    return pair - setup.parameters["learning_rate"]


def ended(setup, state="COMPLETE"):
    return Record(state, {"val_sic": [value_of(setup)]}, 1, 1.0, None, "hgb")


def run(folder, settings=SETTINGS, workers=1, until=None, order=0):
    """The trials of a search whose running trials end in any order."""
    history = History(folder, settings)
    book = Book(history, joint_space(settings), lambda *_: None)
    rng, running = np.random.default_rng(order), {}
    while history.left or running:
        while len(running) < workers and (suggestion := book.next()):
            running[suggestion.index] = replay_of(settings, history, suggestion)
        index = int(rng.choice(list(running)))
        book.enter(index, ended(running.pop(index)))
        if until is not None and len(history.records()) >= until:
            break
    book.flush()
    return {i: replay(settings, params) for i, (params, _) in history.records().items()}


def replay_of(settings, history, suggestion):
    return replay(settings, history.study.trials[suggestion.index].params)


@pytest.fixture(scope="module")
def setups(tmp_path_factory):
    return run(tmp_path_factory.mktemp("alone"))


def test_a_third_searches_hyperparameters_in_the_first_pair(setups):
    assert {setups[i].view for i in range(4)} == {FIRST}
    assert len({str(setups[i].parameters) for i in range(4)}) == 4


def test_the_best_few_go_into_every_other_pair(setups):
    ranked = sorted(range(4), key=lambda i: -value_of(setups[i]))
    others = SETTINGS.views[1:]
    # Eight trials are left: two sets in three pairs.
    for k, index in enumerate(range(4, 10)):
        assert setups[index].view == others[k % 3]
        assert setups[index].parameters == setups[ranked[k // 3]].parameters


def test_what_is_left_searches_hyperparameters_in_the_best_pair(setups):
    assert {setups[i].view for i in (10, 11)} == {View("cwola", "baseline_dr")}
    assert len({str(setup.parameters) for setup in setups.values()}) == 4 + 2


@pytest.mark.parametrize(("workers", "order"), [(2, 1), (5, 2), (12, 3)])
def test_workers_and_the_order_of_ends_change_nothing(setups, tmp_path, workers, order):
    assert run(tmp_path, workers=workers, order=order) == setups


@pytest.mark.parametrize("until", [2, 4, 7, 10])
def test_a_search_that_was_killed_goes_on_as_if_it_had_not_been(setups, tmp_path, until):
    run(tmp_path, workers=3, until=until)
    assert run(tmp_path, workers=2, order=7) == setups


def test_tpe_is_given_mode_and_features_too(tmp_path):
    settings = Settings(**{**SETTINGS.as_json(), **tuples(SETTINGS), "sampler": "tpe"})
    setups = run(tmp_path, settings)
    assert {setups[i].view for i in range(4)} == {FIRST}
    assert {setups[i].view for i in range(4, 10)} == set(SETTINGS.views[1:])


def tuples(settings):
    names = ("mode", "features", "signal_region_tev", "cathode")
    return {name: getattr(settings, name) for name in names}


def test_where_too_few_trials_are_complete_the_sampler_suggests(setups):
    steps = Steps(SETTINGS)
    records = {
        i: (params_of(setup), ended(setup, "COMPLETE" if i == 1 else "FAIL"))
        for i, setup in setups.items()
    }
    assert steps.given(4, records)["hgb/learning_rate"] == setups[1].parameters["learning_rate"]
    assert dict(steps.given(7, records)) == SETTINGS.views[1]._asdict()
    none = {i: (params, record._replace(state="FAIL")) for i, (params, record) in records.items()}
    assert dict(steps.given(11, none)) == FIRST._asdict()


def params_of(setup):
    own = {f"hgb/{name}": value for name, value in setup.parameters.items()}
    return {**own, **setup.view._asdict()}


def test_many_trials_leave_some_for_the_best_pair():
    steps = Steps(Settings(features=("baseline", "baseline_dr"), trials=90, strategy="steps"))
    record = Record("COMPLETE", {VAL_SIC.name: [0.1]}, 1, 1.0, None, "hgb")
    records = {i: ({"features": "baseline"}, record) for i in range(90)}
    given = [steps.given(index, records)["features"] for index in range(90)]
    assert given == ["baseline"] * 30 + ["baseline_dr"] * MOST_SETS + ["baseline"] * 55


def test_a_joint_search_has_no_steps(tmp_path):
    settings = Settings(features=("baseline", "baseline_dr"), trials=6)
    assert steps_of(settings) is None
    assert not History(tmp_path, settings).must_wait


def test_tune_waits_while_something_runs_and_else_begins_a_new_round(tmp_path):
    history = History(tmp_path, SETTINGS)
    search = HistorySearch(Book(history, joint_space(SETTINGS), lambda *_: None), VAL_SIC)
    configs = {f"t{k}": search.suggest(f"t{k}") for k in range(4)}
    assert search.suggest("t4") is None
    for k in range(3):
        setup = replay_of(SETTINGS, history, search_index(configs[f"t{k}"]))
        result = {"finished": True, "metrics/val_sic": [value_of(setup)], "epoch": 1}
        search.on_trial_complete(f"t{k}", result)
    assert search.suggest("t4") is None
    # Its worker died: the trial stays open, and nobody runs it before the next round.
    search.on_trial_complete("t3", error=True)
    assert search.suggest("t4") == HistorySearch.FINISHED


def test_where_the_events_are_lost_tune_ends_its_round_and_the_trial_stays_open(tmp_path):
    history = History(tmp_path, SETTINGS)
    book = Book(history, joint_space(SETTINGS), lambda *_: None)
    search = HistorySearch(book, VAL_SIC)
    index = search.suggest("a")["index"]
    search.on_trial_complete("a", {"lost": "its owner died", "done": True})
    assert search.interrupted
    assert search.lost == "its owner died"
    assert search.suggest("b") == HistorySearch.FINISHED
    assert index not in history.records()
    book.reopen()
    assert history.left == SETTINGS.trials


def search_index(config):
    return Suggestion(config["index"], config)
