"""What everything has to do that reads trials for the live page; each is asked the same."""

import json
import time

import pytest
from live_studies import SCRIPT, Driver, complete, failed, pruned

from raysearch.live.feeds import open_feed, place_of
from raysearch.live.state import State


@pytest.fixture
def driver(tmp_path, where):
    made = Driver(tmp_path, trials=10, place=where)
    yield made
    made.close()


@pytest.fixture
def feed(driver):
    return opened(driver)


def opened(driver):
    return open_feed(driver.directory, place_of(driver.about))


def held(directory):
    files = [path for path in directory.rglob("*") if path.is_file()]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


class TestFeed:
    def test_a_study_without_trials_has_no_news(self, feed):
        news = feed.news()
        assert (news.ended, news.running, news.n_running) == ([], [], 0)
        assert list(feed.parameters(0)) == []

    def test_each_end_is_told_once_and_as_it_was_written(self, driver, feed):
        driver.run(complete(0.4), failed(), pruned())
        first = feed.news()
        assert first.starts_anew
        assert [trial.number for trial in first.ended] == [0, 1, 2]
        assert [trial.record["state"] for trial in first.ended] == ["COMPLETE", "FAIL", "PRUNED"]
        assert first.ended[0].record["metrics"]["val_sic"] == [0.30000000000000004, 0.5]
        assert all(abs(trial.at - time.time()) < 60 for trial in first.ended)
        again = feed.news()
        assert (again.starts_anew, again.ended) == (False, [])
        driver.run(complete(0.6))
        assert [trial.number for trial in feed.news().ended] == [3]

    def test_ends_are_told_in_their_order(self, driver, feed):
        driver.begin(3)
        driver.end_of(2, complete())
        driver.end_of(0, complete())
        assert [trial.number for trial in feed.news().ended] == [2, 0]
        driver.end_of(1, complete())
        assert [trial.number for trial in feed.news().ended] == [1]

    def test_running_trials_are_told_with_their_parameters(self, driver, feed):
        driver.begin(2)
        news = feed.news()
        assert [trial.number for trial in news.running] == [0, 1]
        assert news.n_running == 2
        assert all(abs(trial.since - time.time()) < 60 for trial in news.running)
        parameters = dict(news.running[0].parameters)
        asked = driver.open[0].params
        assert parameters["hgb/max_iter"] == str(asked["hgb/max_iter"])
        assert float(parameters["hgb/learning_rate"]) == pytest.approx(
            asked["hgb/learning_rate"], rel=1e-3
        )
        driver.end(complete())
        assert [trial.number for trial in feed.news().running] == [1]
        assert dict(feed.parameters(0)) == parameters

    def test_a_choice_is_told_by_its_name(self, tmp_path_factory, where):
        with Driver(
            tmp_path_factory.mktemp("choice"), space="weak_supervision", place=where
        ) as driver:
            driver.begin()
            ((number, _, parameters),) = opened(driver).news().running
            assert dict(parameters)["detector"] == driver.open[number].params["detector"]

    def test_reading_leaves_no_trace(self, driver, feed):
        driver.run(complete())
        before = held(driver.directory)
        feed.news()
        feed.parameters(0)
        assert held(driver.directory) == before

    def test_who_reads_is_in_no_drivers_way(self, driver, feed):
        for _ in range(4):
            feed.news()
            driver.begin()
            feed.news()
            driver.end(complete())
        assert len(opened(driver).news().ended) == 4

    def test_another_driver_is_followed_as_well(self, driver, feed):
        driver.run(complete())
        feed.news()
        driver.close()
        with Driver(driver.directory, trials=10, place=driver.place) as other:
            other.run(failed())
            news = feed.news()
        assert not news.starts_anew
        assert [trial.record["state"] for trial in news.ended] == ["FAIL"]

    def test_a_page_follows_it(self, driver, where):
        state = State(driver.directory, driver.settings)
        driver.run(complete(0.4, 3.0), complete(0.8, 5.0), failed(SCRIPT))
        driver.begin()
        told = json.loads(state.refresh().head)
        assert told["problem"] == ""
        assert told["counts"] == {"COMPLETE": 2, "PRUNED": 0, "FAIL": 1, "RUNNING": 1, "asked": 10}
        assert told["best"]["trial"] == "00001"
        assert "hgb/max_iter" in dict(told["best"]["parameters"])
        assert told["failures"][0]["reason"] == SCRIPT
