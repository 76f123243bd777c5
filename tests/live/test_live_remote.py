"""A study in an object store, followed by its snapshots alone."""

import json
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from live_studies import WRITER, Page, Published, complete, failed

from raysearch.errors import InputError
from raysearch.live import remote as module
from raysearch.live.interface import dashboard
from raysearch.live.remote import RemoteStudy
from raysearch.live.state import State
from raysearch.remote import restoring
from raysearch.remote.objects import open_objects
from raysearch.remote.writers import Claim, Writer
from raysearch.tuning.place import place


@pytest.fixture(params=["sqlite", "journal"])
def driver(uri, tmp_path, request):
    with Published(tmp_path / "study", uri, trials=6, place=place(request.param)) as made:
        (made.directory / "inputs").mkdir()
        (made.directory / "inputs" / "events.h5").write_bytes(b"large")
        made.run(complete(0.2), failed())
        made.publish()
        yield made


@pytest.fixture
def remote(uri, driver, monkeypatch):
    monkeypatch.setattr(module, "EVERY_S", 1e6)
    made = RemoteStudy(open_objects(uri))
    made._closed.set()  # it is refreshed by hand
    made._thread.join()
    yield made
    made.close()


def gone(*_):
    raise FileNotFoundError


def head(state):
    return json.loads(state.refresh().head)


def test_what_is_published_is_followed_and_only_what_changed_is_fetched(
    driver, remote, monkeypatch
):
    state, fetched = State(remote.directory, driver.settings, remote=remote), []
    told = head(state)
    assert told["counts"]["COMPLETE"] == told["counts"]["FAIL"] == 1
    assert told["name"] == "study"
    assert (told["remote"]["uri"], told["remote"]["problem"]) == (remote.uri, "")
    assert abs(told["remote"]["published"] - time.time()) < 60
    assert "events.h5" not in {path.name for path in remote.directory.rglob("*")}
    fetch = module.fetch
    monkeypatch.setattr(module, "fetch", lambda *a: (fetched.append(a[2]), fetch(*a)))
    remote.refresh()
    assert fetched == []
    driver.run(complete(0.9))
    driver.publish()
    life = state.refresh().life
    remote.refresh()
    again = state.refresh()
    assert again.life == life  # a viewer is sent the new trial alone
    assert json.loads(again.head)["counts"]["COMPLETE"] == 2
    assert len(fetched) == 1


def test_nothing_is_written_to_the_store(driver, remote, monkeypatch):
    def refused(*_):
        raise AssertionError

    for name in ("put", "put_file", "remove"):
        monkeypatch.setattr(type(remote._objects), name, refused)
    remote.refresh()
    assert remote.told()["problem"] == ""


def test_whether_its_writer_lives_is_seen_by_its_claim(driver, remote):
    remote.refresh()
    assert not remote.is_alive
    driver.renew(1)
    remote.refresh()
    assert remote.is_alive


def test_who_goes_on_elsewhere_is_seen_before_anything_is_published(driver, remote):
    remote.refresh()
    other = Claim(driver.objects, Writer(WRITER.generation + 1, "b" * 16))
    other.renew()
    remote.refresh()
    assert remote.is_alive
    remote._seen_alive = -float("inf")
    remote.refresh()
    assert not remote.is_alive
    driver.renew(1)  # the one before has only slept: it may not write any more
    remote.refresh()
    assert not remote.is_alive
    other.renew()
    remote.refresh()
    assert remote.is_alive


def test_a_page_that_comes_later_sees_who_goes_on_elsewhere(uri, driver, monkeypatch):
    monkeypatch.setattr(module, "EVERY_S", 1e6)
    other = Claim(driver.objects, Writer(WRITER.generation + 1, "b" * 16))
    other.renew()
    remote = RemoteStudy(open_objects(uri))
    try:
        assert not remote.is_alive
        other.renew()
        remote.refresh()
        assert remote.is_alive
    finally:
        remote.close()


def test_a_writer_that_has_ended_is_not_alive_from_then_on(driver, remote):
    driver.renew(1)
    remote.refresh()
    assert remote.is_alive
    Claim(driver.objects, WRITER).release()
    for _ in range(2):
        remote.refresh()
        assert not remote.is_alive


def test_a_claim_that_cannot_be_read_is_no_sign_of_life(driver, remote):
    for claim in (b"{" * 100, b"[]", b"{}", b"[" * 100_000):
        driver.objects.put(WRITER.claim, claim)
        remote.refresh()
        assert not remote.is_alive
        assert remote.told()["problem"] == ""


def test_remedies_name_the_uri(driver, remote):
    state = State(remote.directory, driver.settings, lambda: time.time() + 1e4, remote)
    assert f"`raysearch resume {remote.uri}`" in head(state)["phase"]["sentence"]


@pytest.mark.parametrize("uri", ["file"], indirect=True)
def test_a_store_that_is_gone_is_told_and_what_is_known_stays(driver, remote, uri):
    state = State(remote.directory, driver.settings, remote=remote)
    store = Path(uri.removeprefix("file://"))
    store.rename(store.with_name("away"))
    remote.refresh()
    told = head(state)
    assert "nothing is published there" in told["remote"]["problem"]
    assert told["counts"]["COMPLETE"] == 1
    store.with_name("away").rename(store)
    remote.refresh()
    assert head(state)["remote"]["problem"] == ""


@pytest.mark.parametrize("uri", ["file"], indirect=True)
def test_a_file_that_is_not_what_was_published_is_not_shown(driver, remote, uri):
    driver.run(complete(0.9))
    driver.publish()
    files = Path(uri.removeprefix("file://")) / WRITER.folder / "files"
    for path in files.iterdir():
        path.write_bytes(b"crafted")
    remote.refresh()
    assert "is not to be trusted" in remote.told()["problem"]
    assert b"crafted" not in (remote.directory / "study.json").read_bytes()
    assert head(State(remote.directory, driver.settings, remote=remote))["problem"] == ""


@pytest.mark.parametrize("uri", ["file"], indirect=True)
def test_a_study_that_has_no_room_here_is_not_fetched(driver, uri, monkeypatch):
    monkeypatch.setattr(restoring, "_RESERVE_BYTES", 2**62)
    with pytest.raises(InputError, match="must fit where it is copied to"):
        RemoteStudy(open_objects(uri))


@pytest.mark.parametrize("name", ["fetch", "newest_snapshot"])
def test_snapshots_that_come_faster_than_they_are_fetched_are_told(
    driver, remote, monkeypatch, name
):
    driver.run(complete(0.9))
    driver.publish()
    with monkeypatch.context() as patched:
        patched.setattr(module, name, gone)
        for _ in range(module._TRIES - 1):
            remote.refresh()
            assert remote.told()["problem"] == ""
        for _ in range(2):
            remote.refresh()
            assert "changes faster than it can be read" in remote.told()["problem"]
    state = State(remote.directory, driver.settings, remote=remote)
    assert head(state)["counts"]["COMPLETE"] == 1
    remote.refresh()
    assert remote.told()["problem"] == ""
    assert head(state)["counts"]["COMPLETE"] == 2


@pytest.mark.parametrize("name", ["fetch", "newest_snapshot"])
@pytest.mark.parametrize("uri", ["file"], indirect=True)
def test_at_the_start_they_are_tried_some_times_and_then_told(driver, uri, monkeypatch, name):
    calls, once = [], getattr(module, name)

    def late(*arguments):
        calls.append(name)
        return gone() if len(calls) < module._TRIES else once(*arguments)

    monkeypatch.setattr(module, name, late)
    RemoteStudy(open_objects(uri)).close()
    monkeypatch.setattr(module, name, gone)
    with pytest.raises(InputError, match="changes faster than it can be read"):
        RemoteStudy(open_objects(uri))


def test_a_store_that_is_slow_is_asked_half_of_the_time(monkeypatch):
    monkeypatch.setattr(module, "EVERY_S", 0.01)
    pauses = []

    def wait(pause_s):
        pauses.append(pause_s)
        return len(pauses) == 3

    slow = iter([0.2, 0.0])
    followed = SimpleNamespace(
        _closed=SimpleNamespace(wait=wait), refresh=lambda: time.sleep(next(slow))
    )
    RemoteStudy._follow(followed)
    assert pauses[0] == 0.01
    assert pauses[1] >= 0.2
    assert 0.01 <= pauses[2] < 0.2


def test_where_nothing_is_published_it_is_said(uri):
    with pytest.raises(InputError, match="nothing is published there"):
        dashboard(uri)


@pytest.mark.parametrize("uri", ["file"], indirect=True)
def test_a_page_follows_it_and_leaves_nothing(uri, driver, monkeypatch):
    monkeypatch.setattr(module, "EVERY_S", 0.2)
    with Page(uri) as page:
        copy = page.dashboard._remote.directory
        states = page.states()
        assert next(states)["head"]["counts"]["COMPLETE"] == 1
        driver.run(complete(0.9))
        driver.publish()
        ends = time.monotonic() + 20
        while next(states)["head"]["counts"]["COMPLETE"] < 2:
            assert time.monotonic() < ends
        states.close()
    assert not copy.parent.exists()
    shutil.rmtree(driver.directory)
