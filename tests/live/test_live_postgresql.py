"""A study in a database of others: what it is asked, and what is said when it is not there."""

import re
import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from live_studies import Driver, Page, complete

from raysearch.errors import InputError
from raysearch.live import postgresql as module
from raysearch.live.feed import Unreadable
from raysearch.live.interface import dashboard
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


@pytest.mark.parametrize("option", ["sslkeylogfile=/tmp/keys", "passfile=/tmp/keys", "password=x"])
@pytest.mark.parametrize("before", ["all#?", "all?port=1#&"])
def test_options_behind_what_ends_a_url_elsewhere_are_refused(option, before):
    with pytest.raises(Unreadable, match=f"but its URL has {option.partition('=')[0]}"):
        postgresql_feed(f"postgresql://me@127.0.0.1:1/{before}{option}", "study").news()


@contextmanager
def asking(how):
    """Port of a server that asks whoever comes for a password in that way, and what it was told."""
    told = []

    def serve(listening):
        try:
            while True:
                with listening.accept()[0] as client:
                    client.settimeout(5)
                    size, code = struct.unpack("!ii", client.recv(8))
                    if code == 80877103:  # may it be encrypted?
                        client.sendall(b"N")
                        size, _ = struct.unpack("!ii", client.recv(8))
                    client.recv(size - 8)
                    client.sendall(b"R" + struct.pack("!ii", 8 + len(how[1]), how[0]) + how[1])
                    told.append(client.recv(4096))
        except OSError:
            return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1], told
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@contextmanager
def silent():
    """Port of a server that lets everybody in and then says nothing, and who is in."""
    inside = []

    def serve(listening):
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                client.settimeout(5)
                if struct.unpack("!ii", client.recv(8))[1] == 80877103:
                    client.sendall(b"N")
                client.recv(4096)
                let_in = struct.pack("!cii", b"R", 8, 0) + struct.pack("!cic", b"Z", 5, b"I")
                client.sendall(let_in)
                inside.append(client)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1], inside
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)
    for client in inside:
        client.close()


def test_a_server_that_accepts_and_falls_silent_is_left_and_the_page_can_be_closed(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "_DEADLINE_S", 0.5)
    with Driver(tmp_path) as driver, silent() as (port, _):
        where = f"postgresql://me@127.0.0.1:{port}/all"
        with pytest.raises(Unreadable, match="does not answer"):
            postgresql_feed(where, "study").news()
        driver.about["history"] = {"where": where, "study": "raysearch"}
        driver.ended()
        with Page(tmp_path) as page:
            assert "does not answer" in next(page.states())["head"]["problem"]


def test_a_page_closes_at_once_while_a_silent_server_is_read_and_nothing_of_it_stays(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "_DEADLINE_S", 4.0)
    with Driver(tmp_path) as driver, silent() as (port, inside):
        where = f"postgresql://me@127.0.0.1:{port}/all"
        driver.about["history"] = {"where": where, "study": "raysearch"}
        driver.ended()
        page, before = Page(tmp_path), set(threading.enumerate())
        with socket.create_connection(("127.0.0.1", page.port)) as viewer:
            viewer.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            ends = time.monotonic() + 30
            while not inside and time.monotonic() < ends:
                time.sleep(0.01)
            started = time.monotonic()
            page.dashboard.close()
            assert time.monotonic() - started < 1.0
        (of_page,) = inside
        of_page.settimeout(20)
        while of_page.recv(4096):  # until it is cut off
            pass
        for thread in set(threading.enumerate()) - before:
            thread.join(10)
            assert not thread.is_alive()


def test_a_reading_that_lasts_is_cut_off_and_the_next_is_made(driver, monkeypatch):
    server = _Server(driver.place.where)
    with monkeypatch.context() as patched:
        patched.setattr(module, "_DEADLINE_MS", 60_000)
        patched.setattr(module, "_DEADLINE_S", 0.5)
        with pytest.raises(Unreadable, match="does not answer"), server.reading() as database:
            database.rows("SELECT pg_sleep(60)", ())
    with server.reading() as database:
        assert database.rows("SELECT 1", ()) == [(1,)]


def test_more_than_a_page_can_hold_is_not_read(driver, monkeypatch):
    monkeypatch.setattr(module, "_MOST_BYTES", 2**20)
    server = _Server(driver.place.where)
    for said in ("repeat('x', 1000)", "1"):
        with pytest.raises(Unreadable, match="more than 1 MiB"), server.reading() as database:
            database.rows(f"SELECT {said} FROM generate_series(1, 1000000)", ())
    with server.reading() as database:
        assert database.rows("SELECT ?::int", (1,)) == [(1,)]


def test_hosts_without_end_are_refused():
    with pytest.raises(Unreadable, match="more than 4"):
        postgresql_feed(f"postgresql://me@/all?host={','.join(['localhost'] * 9)}", "study").news()


@pytest.mark.parametrize("option", ["", "?require_auth=password", "?gssencmode=prefer"])
@pytest.mark.parametrize("how", [(3, b""), (5, b"salt")], ids=["cleartext", "md5"])
def test_a_server_that_asks_for_the_password_itself_does_not_get_it(how, option, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "h1dden")
    with asking(how) as (port, told):
        url = f"postgresql://me@127.0.0.1:{port}/all{option}"
        with pytest.raises(Unreadable, match="but its URL has" if option else "scram-sha-256"):
            postgresql_feed(url, "study").news()
    assert b"".join(told) == b""
    assert len(told) == (0 if option else 1)


@pytest.mark.parametrize(
    ("url", "strange"),
    [
        ("postgresql://me@db.invalid/all", "db.invalid"),
        ("postgresql://me@127.0.0.1,db.invalid/all", "db.invalid"),
        ("postgresql://me@localhost/all?hostaddr=192.0.2.1", "192.0.2.1"),
        ("postgresql://me@localhost/all?host=db.invalid", "db.invalid"),
    ],
)
def test_another_machine_is_not_connected_to(url, strange):
    with pytest.raises(
        Unreadable, match=f"names {re.escape(strange)}; .*--database-host {strange}"
    ):
        postgresql_feed(url, "study").news()


def test_a_host_that_the_user_names_is_connected_to():
    url = "postgresql://me@db.invalid/all"
    with pytest.raises(Unreadable, match="does not answer"):
        postgresql_feed(url, "study", "db.invalid").news()
    with pytest.raises(Unreadable, match=r"names 192\.0\.2\.1"):
        postgresql_feed(f"{url}?hostaddr=192.0.2.1", "study", "db.invalid").news()


def test_the_page_says_what_it_does_not_connect_to(tmp_path):
    with Driver(tmp_path) as driver:
        history = {"where": "postgresql://me@db.invalid/all", "study": "raysearch"}
        driver.about["history"] = history
        driver.ended()
    for database_host, said in ((None, "--database-host db.invalid"), ("db.invalid", "answer")):
        with Page(tmp_path, database_host=database_host) as page:
            assert said in next(page.states())["head"]["problem"]


def test_of_a_study_in_an_object_store_no_host_is_trusted(tmp_path):
    with pytest.raises(InputError, match="leave --database-host out"):
        dashboard(f"file://{tmp_path}/study", database_host="db.invalid")
