"""Rounds of Tune, whose part a list of outcomes plays: what is run again, and what is given up."""

from contextlib import nullcontext

import pytest
from toys import VIEW, toy_sample

from raysearch.joint import joint_space
from raysearch.settings import Resources, Settings
from raysearch.tuning import run, tuned
from raysearch.tuning.book import Book
from raysearch.tuning.ending import Ending
from raysearch.tuning.history import History
from raysearch.tuning.pace import Pace
from raysearch.tuning.task import Task

SETTINGS = Settings(trials=3, repeats=1, sampler="random", space="hgb", seed=5)
DONE = {"finished": True, "metrics/val_sic": [0.5], "epoch": 1}
LOST, DIED = {"lost": "its owner died"}, None


@pytest.fixture
def rounds(tmp_path, monkeypatch):
    """Runs a study with an outcome for all trials of a round, or one for each; its records."""
    history = History(tmp_path, SETTINGS)
    book = Book(history, joint_space(SETTINGS), lambda *_: None)
    renewed = []

    def go(*outcomes):
        left = iter(outcomes)

        class Tuner:
            def __init__(self, search, *_):
                self.search = search

            def fit(self):
                outcome = next(left)
                for k, result in enumerate(outcome if isinstance(outcome, list) else [outcome] * 3):
                    if isinstance(self.search.suggest(f"t{k}"), dict):
                        self.search.on_trial_complete(f"t{k}", result, error=result is DIED)

        monkeypatch.setattr(tuned, "_tuner", Tuner)
        monkeypatch.setattr(tuned, "_trainers", lambda *_: nullcontext(()))
        monkeypatch.setattr(tuned, "renew", renewed.append)
        task = Task({VIEW: toy_sample()}, 1, 5)
        run._run_left(book, task, SETTINGS, Resources(backend="tune"), Ending(), Pace())
        book.flush()
        assert next(left, None) is None
        assert len(renewed) == len(outcomes)
        return [record for _, record in history.records().values()]

    go.history = history
    return go


def test_lost_events_fail_no_trial_however_often_they_are_lost(rounds):
    records = rounds(*[LOST] * 7, DIED, DIED, *[LOST] * 7, DONE)
    assert [record.state for record in records] == ["COMPLETE"] * 3


def test_a_trial_of_which_a_worker_dies_in_each_round_is_given_up(rounds):
    records = rounds(DIED, LOST, DIED, LOST, DIED)
    assert {record.state for record in records} == {"FAIL"}
    assert {record.error for record in records} == {"its worker died in each of 3 runs"}


def test_where_the_events_are_always_lost_the_study_is_given_up_and_no_trial(rounds):
    with pytest.raises(RuntimeError, match="lost 20 times in a row: its owner died"):
        rounds(*[LOST] * 20)
    assert rounds.history.records() == {}
    assert rounds.history.left == 3


def test_losses_between_which_trials_end_are_not_in_a_row(rounds):
    records = rounds(*[LOST] * 19, [DONE, LOST], *[LOST] * 19, DONE)
    assert [record.state for record in records] == ["COMPLETE"] * 3
