"""Several processes work on one study: nothing runs twice, nothing is lost, the count is exact."""

import multiprocessing
import os
import signal
import time
from collections import Counter
from contextlib import contextmanager

import pytest
from driving import Work, drive

from raysearch.settings import Settings
from raysearch.tuning.drivers import Drivers

TRIALS = 24


@pytest.fixture
def work(tmp_path, where):
    (tmp_path / "study").mkdir()
    settings = Settings(trials=TRIALS, sampler="random", seed=3)
    return Work(tmp_path / "study", settings, where, tmp_path / "log")


@contextmanager
def processes(work, count):
    """Drivers in processes of their own, all of which are over at the end."""
    work = work._replace(together=count)
    context = multiprocessing.get_context("forkserver")
    # Python's server of processes imports what is installed, but not what lies beside the tests.
    context.set_forkserver_preload(["raysearch.tuning.book", "search_spaces.hgb"])
    started = [context.Process(target=drive, args=(work,)) for _ in range(count)]
    for process in started:
        process.start()
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.join()


def finish(started):
    for process in started:
        process.join(120)
        assert process.exitcode == 0


def wait_for(work, runs):
    end = time.monotonic() + 120
    while len(work.runs()) < runs:
        assert time.monotonic() < end
        time.sleep(0.01)


def records(work):
    history = work.history()
    found = history.records()
    assert history.is_over
    history.close()
    return found


@pytest.mark.parametrize("count", [2, 3])
def test_every_trial_runs_once_as_with_one_driver(work, count, tmp_path):
    with processes(work, count) as started:
        finish(started)
    runs = work.runs()
    assert sorted(index for index, _ in runs) == list(range(TRIALS))
    assert len({process for _, process in runs}) == count
    (tmp_path / "alone").mkdir()
    alone = work._replace(directory=tmp_path / "alone", log=tmp_path / "other", seconds=0.0)
    if alone.place.is_server:
        alone = alone._replace(place=alone.place.__class__())
    drive(alone)
    ours, theirs = records(work), records(alone)
    assert {index: params for index, (params, _) in ours.items()} == {
        index: params for index, (params, _) in theirs.items()
    }


def test_a_driver_that_is_killed_loses_nothing(work):
    with processes(work, 3) as started:
        wait_for(work, TRIALS // 2)
        os.kill(started[0].pid, signal.SIGKILL)
        finish(started[1:])
        killed = started[0].pid
    ended = records(work)
    assert sorted(ended) == list(range(TRIALS))
    runs = Counter(index for index, _ in work.runs())
    twice = [index for index, count in runs.items() if count > 1]
    # What the killed one was at, and nothing else, ran again, and ended in the hands of another.
    assert len(twice) <= 1
    assert max(runs.values()) <= 2
    for index in twice:
        assert killed in [process for again, process in work.runs() if again == index]
        assert ended[index][1].detector != f"by {killed}"
    assert any(record.detector == f"by {killed}" for _, record in ended.values())


def test_a_driver_that_stands_still_is_not_taken_for_dead(work):
    with processes(work._replace(still_at=5), 2) as started:
        wait_for(work, TRIALS)
        os.kill(dict(work.runs())[5], signal.SIGCONT)
        finish(started)
    assert Counter(index for index, _ in work.runs()) == Counter(range(TRIALS))


class TestDrivers:
    def test_a_driver_lives_until_it_leaves(self, tmp_path):
        one, two = Drivers(tmp_path), Drivers(tmp_path)
        assert one.me != two.me
        assert one.is_alive(two.me)
        assert two.is_alive(two.me)
        two.close()
        assert not one.is_alive(two.me)

    @pytest.mark.parametrize("name", ["0" * 16, "../../etc/passwd", "", "opening"])
    def test_nobody_of_another_name_lives(self, tmp_path, name):
        assert not Drivers(tmp_path).is_alive(name)

    def test_a_link_is_not_followed(self, tmp_path):
        drivers = Drivers(tmp_path)
        (tmp_path / ".drivers" / ("a" * 16)).symlink_to(tmp_path / ".drivers" / drivers.me)
        assert not drivers.is_alive("a" * 16)

    def test_what_the_dead_left_is_cleared_away(self, tmp_path):
        (tmp_path / ".drivers").mkdir()
        (tmp_path / ".drivers" / ("b" * 16)).touch()
        alive = Drivers(tmp_path)
        names = {path.name for path in (tmp_path / ".drivers").iterdir()}
        assert names == {alive.me, "opening"}
