"""A race goes on where it stood: at a hand-over, in Tune's next round, and after a kill."""

from types import SimpleNamespace

from raysearch.objectives import objective
from raysearch.racing import Rung, as_news
from raysearch.records import Record
from raysearch.settings import Settings
from raysearch.tuning.book import Book
from raysearch.tuning.history import History
from raysearch.tuning.race_scheduler import RaceScheduler
from raysearch.tuning.searcher import HistorySearch
from search_spaces.hgb import space

EARLY = Rung(3, 5, 0.5)
SETTINGS = Settings(trials=9)


def ended(value):
    news = as_news({EARLY: value, Rung(3, None, 0.5): value + 1})
    return Record("COMPLETE", {"val_sic": [value] * 3}, 20, 1.0, None, "mlp", news)


def finished(directory, values):
    """The history of a study whose trials reached the rung with these values."""
    history = History(directory, SETTINGS)
    book = Book(history, space, lambda *_: None)
    for value in values:
        book.enter(book.next().index, ended(value))
    book.flush()
    return history


def test_a_resumed_study_knows_what_its_trials_reached(tmp_path):
    values = [0.5, 0.9, 0.7]
    before = finished(tmp_path, values)
    after = History(tmp_path, SETTINGS)
    assert after.records() == before.records()
    for history in (before, after):
        rule = history.race().rule()
        assert rule.known[EARLY] == tuple(sorted(values))
        assert not rule.goes_on(EARLY, 0.6)
        assert rule.goes_on(EARLY, 0.8)


def test_tune_goes_on_with_the_race(tmp_path):
    book = Book(finished(tmp_path, [0.5, 0.9, 0.7]), space, lambda *_: None)
    search = HistorySearch(book, objective("val_sic"))
    scheduler = RaceScheduler(search.race())
    trial = SimpleNamespace(config={"index": 5})
    report = {"rung_repeats": 3, "rung_epochs": 5, "rung_share": 0.5}
    said = [scheduler.on_trial_result(None, trial, {**report, "rung_value": v}) for v in (0.6, 0.8)]
    assert said == ["STOP", "CONTINUE"]


def test_what_a_trial_of_tune_reached_is_recorded(tmp_path):
    book = Book(finished(tmp_path, []), space, lambda *_: None)
    search = HistorySearch(book, objective("val_sic"))
    search.suggest("a")
    result = {"metrics/val_sic": [0.4] * 3, "epoch": 5, "reached": as_news({EARLY: 0.4})}
    search.on_trial_complete("a", result)
    assert search.race().rule().known == {EARLY: (0.4,)}
