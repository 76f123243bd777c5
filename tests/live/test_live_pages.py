"""The page over HTTP: what is answered, to whom, and that nothing a client sends does harm."""

import logging
import re
import socket
import time

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_studies import SCRIPT, Driver, Page, complete, failed
from prometheus_client.parser import text_string_to_metric_families

from raysearch.errors import InputError
from raysearch.live import pages, server
from raysearch.live.interface import dashboard
from raysearch.live.pages import HEADERS


def status_of(answer):
    found = re.match(rb"HTTP/\d\.\d (\d{3}) ", answer)
    return found and found[1]


FILES = ["/", "/live.js", "/charts.js", "/live.css", "/icon.svg"]
OWN = "127.0.0.1"


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    made = Driver(tmp_path_factory.mktemp("live") / 'a "study"', trials=50)
    made.run(complete(0.4, 3.0), complete(0.6, 4.0), failed(SCRIPT))
    made.begin()
    return made


@pytest.fixture(scope="module")
def page(driver):
    with Page(driver.directory) as served:
        yield served


@pytest.mark.parametrize("path", FILES)
def test_the_files_of_the_page_are_served(page, path):
    status, headers, body = page.ask(path)
    assert status == 200
    assert len(body) == int(headers["Content-Length"]) > 100
    assert page.ask(path, "HEAD")[::2] == (200, b"")


@pytest.mark.parametrize("path", [*FILES, "/metrics", "/events", "/nothing", "/?x=1", "//"])
@pytest.mark.parametrize("method", ["HEAD", "POST"])
def test_every_answer_carries_the_policy(page, path, method):
    status, headers, _ = page.ask(path, method)
    assert status in (200, 404, 405)
    for name, value in HEADERS.items():
        assert headers.get_all(name) == [value]
    assert "unsafe" not in headers["Content-Security-Policy"]


def test_the_page_loads_nothing_from_elsewhere_and_holds_no_inline_code(page):
    text = "".join(page.ask(path)[2].decode() for path in FILES)
    assert set(re.findall(r"https?://[^\s\"'`]*", text)) == {"http://www.w3.org/2000/svg"}
    html = page.ask("/")[2].decode()
    assert not re.search(r"<style|style=|\son[a-z]+=|<script>", html)
    script = page.ask("/live.js")[2].decode() + page.ask("/charts.js")[2].decode()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", script)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_it_can_only_be_looked_at(page, method):
    status, headers, body = page.ask("/", method)
    assert status == 405
    assert headers["Allow"] == "GET, HEAD"
    assert b"can only be looked at" in body


def test_content_is_refused(page):
    status, _, body = page.ask("/", "GET", b"x" * 100)
    assert (status, body) == (413, b"This page takes no content.\n")


@pytest.mark.parametrize(
    "host", [OWN, "localhost", "LOCALHOST:1", "[::1]", "[::1]:80", "127.0.0.1:9000"]
)
def test_a_request_for_this_machine_is_answered(page, host):
    assert page.ask("/", Host=host)[0] == 200


HOSTS = ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "10.0.0.1", "", "a b", "[::2]"]
HOSTS += ["localhost@evil", "localhost:x", "127.0.0.1:1:2", "LOCALHOST\u0130"]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", ["/", "/events", "/metrics"])
def test_a_name_that_was_made_to_point_here_is_refused(page, host, path):
    status, _, body = page.ask(path, Host=host.encode("utf-8"))
    assert status in (400, 403)
    assert b"name the host" in body or b"not HTTP" in body


def test_two_hosts_or_none_are_refused(page):
    for hosts in ("", "Host: localhost\r\nHost: evil\r\n"):
        answer = page.raw(f"GET / HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n".encode())
        assert status_of(answer) in (b"403", b"400")


PATHS = [
    "/../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/static/live.js",
    "/live.js/",
    "/live.js?",
]
PATHS += [
    "/study.json",
    "/optuna.db",
    "/.lock",
    "//etc/passwd",
    "/\\..\\x",
    "/events/..",
    "/metrics?x",
]
PATHS += ["http://127.0.0.1/", "*", "/%00", "/\x7f", "/" + "a" * 3000]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_to_a_file(page, path):
    answer = page.raw(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )
    assert status_of(answer) in (b"404", b"400")
    assert b"root:" not in answer


def test_a_viewer_is_told_the_state_and_each_change(page, driver):
    states = page.states()
    first = next(states)
    assert first["head"]["counts"]["RUNNING"] == 1
    known = len(first["rows"])
    driver.begin()
    running = next(states)
    assert (running["from"], running["rows"]) == (known, [])
    assert running["head"]["counts"]["RUNNING"] == 2
    driver.end(complete(0.9, 6.0))
    news = next(states)
    assert (news["from"], len(news["rows"])) == (known, 1)
    assert news["head"]["best"]["objective"] == 0.9
    states.close()


def test_a_finished_trial_is_told_within_two_seconds(page, driver):
    states, took = page.states(), []
    next(states)
    for _ in range(4):  # a busy machine may be late now and then
        driver.begin()
        next(states)
        committed = time.time()
        driver.end(complete(0.9, 6.0))
        next(states)
        took.append(time.time() - committed)
    states.close()
    assert min(took) < 2


def test_who_was_cut_off_goes_on_where_it_stood(page):
    events = page.events()
    _, last, data = next(e for e in events if e[0] == "state")
    events.close()
    again = next(page.states(last))
    assert (again["from"], again["rows"]) == (len(data["rows"]), [])
    for wrong in ("x", "00000000-5", f"{last}9999999999", "-1", "../../x"):
        assert next(page.states(wrong))["from"] == 0


def test_a_viewer_too_many_is_told_so(page, monkeypatch):
    monkeypatch.setattr(pages, "MOST_VIEWERS", 1)
    viewer = page.events()
    next(viewer)
    status, _, body = page.ask("/events")
    assert (status, body) == (503, b"1 viewers look already; close one.\n")
    viewer.close()


def test_prometheus_can_read_the_progress(page, driver):
    status, headers, body = page.ask("/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = {f.name: f for f in text_string_to_metric_families(body.decode())}
    samples = families["raysearch_trials_ended"].samples
    found = {s.labels["state"]: s.value for s in samples if s.name.endswith("_total")}
    assert found["fail"] == 1
    assert {s.labels["study"] for s in samples} == {'a "study"'}
    (asked,) = families["raysearch_trials_asked"].samples
    assert asked.value == 50
    assert families["raysearch_best_objective"].samples[0].value >= 0.6
    assert families["raysearch_study_active"].samples[0].value == 1


LINES = st.binary(max_size=60)
METHODS = st.sampled_from(
    [b"GET", b"HEAD", b"POST", b"get", b"CONNECT", b"PRI", b"\x16\x03\x01", b""]
)
TARGETS = st.sampled_from(
    [b"/", b"/events", b"/metrics", b"*", b"//", b"/?key=", b"http://x/", b""]
)
VERSIONS = st.sampled_from(
    [b"HTTP/1.1", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/9.9", b"x", b""]
)
FIELDS = st.sampled_from(
    [
        b"Host: localhost",
        b"Host: localhost\r\nHost: evil",
        b"Host:",
        b"Content-Length: 5",
        b"Content-Length: -1",
        b"Content-Length: 99999999999999999999",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3",
        b"Upgrade: websocket\r\nConnection: Upgrade",
        b"Expect: 100-continue",
        b"Last-Event-ID: \xff\xfe",
        b"Cookie: raysearch_key=\x00; ;;==",
        b"X: " + b"y" * 9000,
        b" folded",
        b"Connection: close",
    ]
)
REQUESTS = st.builds(
    lambda method, target, version, fields, end, rest: (
        b" ".join([method, target, version]) + b"\r\n" + b"\r\n".join(fields) + end + rest
    ),
    METHODS,
    TARGETS | LINES,
    VERSIONS | LINES,
    st.lists(FIELDS | LINES, max_size=6),
    st.sampled_from([b"\r\n\r\n", b"\n\n", b"\r\n", b""]),
    st.sampled_from([b"", b"0\r\n\r\n", b"hello", b"GET / HTTP/1.1\r\n\r\n"]),
)
# Many of them are not complete, and the server rightly waits for the rest.
IDLE_S = 0.03
# Three tests of as many requests make more than a thousand.
MANY = settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def is_harmless(answer):
    """Whether these are answers of ours, none of them a failure or with a trace."""
    if b"Traceback" in answer or b'File "' in answer:
        return False
    statuses = re.findall(rb"HTTP/\d\.\d (\d{3}) ", answer)
    if any(status >= b"500" for status in statuses):
        return False
    refused = [s for s in statuses if s >= b"400"]
    return not answer or (bool(statuses) and (not refused or b"text/plain" in answer))


class TestMalformed:
    """Requests that no browser sends."""

    @pytest.fixture(autouse=True)
    def lives(self, page):
        yield
        assert page.ask("/")[0] == 200, "the server does not live any more"

    @MANY
    @given(data=st.binary(max_size=300))
    def test_any_bytes(self, page, data):
        assert is_harmless(page.raw(data, IDLE_S))

    @MANY
    @given(data=REQUESTS)
    def test_nearly_requests(self, page, data):
        assert is_harmless(page.raw(data, IDLE_S))

    @MANY
    @given(target=st.text(min_size=1, max_size=80), headers=st.binary(max_size=80))
    def test_any_target(self, page, target, headers):
        line = b"GET /" + target.encode(errors="replace") + b" HTTP/1.1\r\nHost: localhost\r\n"
        assert is_harmless(
            page.raw(line + b"A: " + headers + b"\r\nConnection: close\r\n\r\n", IDLE_S)
        )


@pytest.mark.parametrize(
    "data",
    [
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 10_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + b"b" * 1_000_000 + b"\r\n\r\n",
    ],
    ids=["line", "headers", "header"],
)
def test_what_is_too_long_is_refused(page, data):
    answer = page.raw(data)
    assert answer == b"" or status_of(answer) == b"400"
    assert page.ask("/")[0] == 200


def test_who_sends_nothing_or_slowly_is_cut_off(driver, monkeypatch):
    monkeypatch.setitem(server._LIMITS, "keepalive_timeout", 0.5)
    with Page(driver.directory) as page:
        for data in (b"", b"GET / HTTP/1.1\r\nHost: loc"):
            with socket.create_connection((OWN, page.port), timeout=10) as client:
                client.sendall(data)
                started = time.monotonic()
                assert client.recv(100) == b""
                assert time.monotonic() - started < 9  # of no limit, a minute and more


def test_more_connections_than_some_hundreds_are_closed(driver, monkeypatch):
    monkeypatch.setattr(server, "_MOST_CONNECTIONS", 3)
    with Page(driver.directory) as page:
        clients = [socket.create_connection((OWN, page.port), timeout=5) for _ in range(6)]
        assert sum(is_closed(client) for client in clients) >= 3


def is_closed(client):
    client.settimeout(3)
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    finally:
        client.close()


def test_a_failure_is_a_sentence_and_its_trace_stays_here(driver, monkeypatch, caplog):
    def broken(self):
        raise RuntimeError("secret")

    with Page(driver.directory) as page, caplog.at_level(logging.ERROR):
        monkeypatch.setattr(pages.Hub, "fresh", broken)
        status, _, body = page.ask("/metrics")
        assert status == 500
        assert body == b"The page failed; what happened is in the log of its process.\n"
        assert list(page.events()) == []
    assert "secret" in caplog.text


def test_only_the_loopback_is_listened_on(page):
    sockets = psutil.Process().net_connections("tcp")
    assert {s.laddr.ip for s in sockets if s.laddr.port == page.port and not s.raddr} == {OWN}


def test_beyond_this_machine_a_key_is_needed(driver):
    with Page(driver.directory, host="0.0.0.0") as page:
        key = page.dashboard.url.partition("?key=")[2]
        assert len(key) >= 32
        for path in (
            "/",
            "/events",
            "/metrics",
            "/live.js",
            "/?key=",
            "/?key=wrong",
        ):
            assert page.ask(path)[0] == 403
        odd = b"GET /?key=\xff\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        assert status_of(page.raw(odd)) in (b"400", b"403")
        status, headers, _ = page.ask(f"/?key={key}")
        assert (status, headers["Location"]) == (303, "/")
        cookie = headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        cookie = cookie.partition(";")[0]
        assert page.ask("/", Cookie=cookie)[0] == 200
        assert page.ask("/", Cookie=cookie, Host="192.168.1.2:80")[0] == 200
        assert page.ask("/", Cookie=cookie, Host="evil.example")[0] == 403
        assert page.ask("/", Cookie="raysearch_key=wrong")[0] == 403


def test_a_port_that_is_taken_and_one_that_is_none_are_refused(page, driver):
    with pytest.raises(InputError, match=f"port {page.port} cannot be had"):
        dashboard(driver.directory, port=page.port)
    with pytest.raises(InputError, match="port = 65536"):
        dashboard(driver.directory, port=65536)
    for host in ("no such host", "a/b", ""):
        with pytest.raises(InputError, match=r"--host must be|cannot be had"):
            dashboard(driver.directory, host=host)


def test_what_is_no_study_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"must hold study\.json"):
        dashboard(tmp_path)
    driver = Driver(tmp_path / "study")
    (tmp_path / "study" / "study.json").write_text('{"schema": 3, "settings": {"seed": "x"}}')
    with pytest.raises(InputError, match="must hold the settings"):
        dashboard(driver.directory)
