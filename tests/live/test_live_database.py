"""Reading a study that another process writes: all of it, once, and without a trace."""

import json
import sqlite3
import time

import pytest
from live_studies import Driver, complete, failed, pruned

from raysearch.live.database import Feed, Unreadable
from raysearch.tuning.stores import DATABASE


@pytest.fixture
def driver(tmp_path):
    return Driver(tmp_path, trials=10)


@pytest.fixture
def feed(driver):
    return Feed(driver.directory / DATABASE)


def test_before_the_file_exists_there_are_no_news(tmp_path):
    assert Feed(tmp_path / DATABASE).news() is None


def test_each_end_is_told_once_and_as_it_was_written(driver, feed):
    driver.run(complete(0.4), failed(), pruned())
    first = feed.news()
    assert first.starts_anew
    assert [trial.number for trial in first.ended] == [0, 1, 2]
    assert [trial.record["state"] for trial in first.ended] == ["COMPLETE", "FAIL", "PRUNED"]
    assert first.ended[0].record["metrics"]["val_sic"] == [0.30000000000000004, 0.5]
    assert abs(first.ended[0].at - time.time()) < 60
    again = feed.news()
    assert (again.starts_anew, again.ended) == (False, [])
    driver.run(complete(0.6))
    assert [trial.number for trial in feed.news().ended] == [3]


def test_running_trials_are_told_with_their_parameters(driver, feed):
    driver.begin(2)
    news = feed.news()
    assert [trial.number for trial in news.running] == [0, 1]
    assert news.n_running == 2
    parameters = dict(news.running[0].parameters)
    asked = driver.open[0].params
    assert parameters["hgb/max_iter"] == str(asked["hgb/max_iter"])
    assert float(parameters["hgb/learning_rate"]) == pytest.approx(
        asked["hgb/learning_rate"], rel=1e-3
    )
    driver.end(complete())
    assert [trial.number for trial in feed.news().running] == [1]


def test_a_choice_is_told_by_its_name(tmp_path):
    driver = Driver(tmp_path, space="weak_supervision")
    driver.begin()
    ((number, _, parameters),) = Feed(tmp_path / DATABASE).news().running
    assert dict(parameters)["detector"] == driver.open[number].params["detector"]


def held(directory):
    files = [path for path in directory.rglob("*") if path.is_file()]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_reading_leaves_no_trace_and_is_in_nobodys_way(driver, feed):
    driver.run(complete())
    before = held(driver.directory)
    feed.news()
    feed.parameters(0)
    assert held(driver.directory) == before
    with sqlite3.connect(driver.directory / DATABASE, timeout=0) as writer:
        writer.execute("BEGIN EXCLUSIVE")  # raises if a reader is left
    writer.close()


def test_another_study_in_the_same_place_starts_anew(driver, feed, tmp_path_factory):
    driver.run(complete(), complete())
    feed.news()
    other = Driver(tmp_path_factory.mktemp("other"))
    other.run(failed())
    (other.directory / DATABASE).replace(driver.directory / DATABASE)
    news = feed.news()
    assert news.starts_anew
    assert [trial.record["state"] for trial in news.ended] == ["FAIL"]


def test_while_the_study_has_it_for_itself_it_is_said_so(driver, feed):
    driver.run(complete())
    writer = sqlite3.connect(driver.directory / DATABASE, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Unreadable, match="is writing to it"):
        feed.news()
    writer.execute("ROLLBACK")
    writer.close()
    assert len(feed.news().ended) == 1


NO_DATABASES = [b"", b"no database", b"SQLite format 3\0" + bytes(4080)]


@pytest.mark.parametrize("contents", NO_DATABASES, ids=["empty", "text", "zeros"])
def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path, contents):
    (tmp_path / DATABASE).write_bytes(contents)
    with pytest.raises(Unreadable, match="holds no trials of a study"):
        Feed(tmp_path / DATABASE).news()


def test_a_table_without_end_is_given_up(tmp_path, monkeypatch):
    from raysearch.live import database

    monkeypatch.setattr(database, "_DEADLINE_S", 0.2)
    endless = "WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n) SELECT"
    with sqlite3.connect(tmp_path / DATABASE) as crafted:
        crafted.execute(
            f"CREATE VIEW trial_user_attributes AS {endless} k AS trial_user_attribute_id, "
            "k AS trial_id, 'record' AS key, '1' AS value_json FROM n"
        )
        crafted.execute(f"CREATE VIEW trials AS {endless} k AS trial_id, k AS number FROM n")
    crafted.close()
    started = time.monotonic()
    with pytest.raises(Unreadable, match=r"takes too long|holds no trials"):
        Feed(tmp_path / DATABASE).news()
    assert time.monotonic() - started < 10


NO_RECORDS = [None, 7, "x", "[]", json.dumps("[" * 100_000), json.dumps("{"), b"\x80\xff", '"7"']


@pytest.mark.parametrize("told", NO_RECORDS, ids=range(len(NO_RECORDS)))
def test_a_record_that_is_none_is_empty(driver, feed, told):
    driver.run(complete())
    with sqlite3.connect(driver.directory / DATABASE) as crafted:
        crafted.execute("UPDATE trial_user_attributes SET value_json = ?", (told,))
    crafted.close()
    assert [trial.record for trial in feed.news().ended] == [{}]
