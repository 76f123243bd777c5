"""A study in a database of others: what it is asked, and what is said when it is not there."""

import pytest
from live_studies import Driver, complete

from raysearch.live.feed import Unreadable
from raysearch.live.postgresql import NAME, _Server, postgresql_feed
from raysearch.tuning.place import place

psycopg = pytest.importorskip("psycopg")


@pytest.fixture
def driver(tmp_path, postgresql_url):
    with Driver(tmp_path, trials=5, place=place(postgresql_url)) as made:
        yield made


def test_two_studies_of_one_database_are_told_apart(driver, tmp_path_factory, postgresql_url):
    one, two = (place(postgresql_url) for _ in range(2))
    with (
        Driver(tmp_path_factory.mktemp("one"), place=one) as first,
        Driver(tmp_path_factory.mktemp("two"), place=two) as second,
    ):
        first.run(complete(), complete())
        second.run(complete())
        first.begin()
        found = [postgresql_feed(each.where, each.study).news() for each in (one, two)]
    assert [len(news.ended) for news in found] == [2, 1]
    assert [news.n_running for news in found] == [1, 0]


def test_a_connection_that_was_lost_is_made_anew(driver):
    feed = postgresql_feed(driver.place.where, driver.place.study)
    driver.run(complete())
    assert len(feed.news().ended) == 1
    with psycopg.connect(driver.place.where, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
            (NAME,),
        )
    with pytest.raises(Unreadable, match="does not answer"):
        feed.news()
    news = feed.news()
    assert (news.starts_anew, news.ended) == (False, [])


def test_nothing_can_be_written(driver):
    with (
        pytest.raises(Unreadable, match="read-only transaction"),
        _Server(driver.place.where).reading() as database,
    ):
        database.rows("DELETE FROM trials RETURNING trial_id", ())


def test_a_query_without_end_is_given_up(driver):
    with (
        pytest.raises(Unreadable, match="statement timeout"),
        _Server(driver.place.where).reading() as database,
    ):
        database.rows("SELECT pg_sleep(30)", ())


def test_a_database_without_a_study_is_said_to_be_none(postgresql_url):
    url = postgresql_url.replace("/postgres?", "/template1?")
    with pytest.raises(Unreadable, match="holds no trials of a study"):
        postgresql_feed(url, "study").news()


def test_nobody_there_is_said(tmp_path):
    with pytest.raises(Unreadable, match="does not answer"):
        postgresql_feed(f"postgresql://me@/all?host={tmp_path}", "study").news()


@pytest.mark.parametrize("option", ["sslkeylogfile=/tmp/keys", "passfile=/etc/passwd", "service=x"])
def test_options_that_touch_files_are_refused(option):
    url = f"postgresql://me@127.0.0.1:1/all?host=127.0.0.1&{option}"
    with pytest.raises(Unreadable, match=f"but its URL has {option.partition('=')[0]}"):
        postgresql_feed(url, "study").news()
