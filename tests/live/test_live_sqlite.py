"""A study's SQLite file, read while others have it or after somebody crafted it."""

import json
import sqlite3
import time

import pytest
from live_studies import Driver, complete

from raysearch.live.feed import Unreadable
from raysearch.live.sqlite import sqlite_feed
from raysearch.tuning.place import DATABASE, IN_SQLITE


@pytest.fixture
def driver(tmp_path):
    return Driver(tmp_path, trials=10)


def feed_of(directory):
    return sqlite_feed(directory / DATABASE, IN_SQLITE.study)


@pytest.fixture
def feed(driver):
    return feed_of(driver.directory)


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
        feed_of(tmp_path).news()


def test_a_table_without_end_is_given_up(tmp_path, monkeypatch):
    from raysearch.live import sqlite

    monkeypatch.setattr(sqlite, "_DEADLINE_S", 0.2)
    endless = "WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n) SELECT"
    with sqlite3.connect(tmp_path / DATABASE) as crafted:
        crafted.execute(
            f"CREATE VIEW trial_user_attributes AS {endless} k AS trial_user_attribute_id, "
            "k AS trial_id, 'record' AS key, '1' AS value_json FROM n"
        )
        crafted.execute(
            f"CREATE VIEW trials AS {endless} k AS trial_id, k AS number, 1 AS study_id FROM n"
        )
        crafted.execute("CREATE TABLE studies (study_id, study_name)")
        crafted.execute("INSERT INTO studies VALUES (1, 'raysearch')")
    crafted.close()
    started = time.monotonic()
    with pytest.raises(Unreadable, match=r"takes too long|holds no trials"):
        feed_of(tmp_path).news()
    assert time.monotonic() - started < 10


NO_RECORDS = [None, 7, "x", "[]", json.dumps("[" * 100_000), json.dumps("{"), b"\x80\xff", '"7"']


@pytest.mark.parametrize("told", NO_RECORDS, ids=range(len(NO_RECORDS)))
def test_a_record_that_is_none_is_empty(driver, feed, told):
    driver.run(complete())
    with sqlite3.connect(driver.directory / DATABASE) as crafted:
        crafted.execute("UPDATE trial_user_attributes SET value_json = ?", (told,))
    crafted.close()
    assert [trial.record for trial in feed.news().ended] == [{}]
