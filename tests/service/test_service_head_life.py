"""The life of a head, told with a small server in the place of Ray."""

import json
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from raysearch.errors import InputError
from raysearch.service import head as head_module
from raysearch.service.head import head_token, running_head, start_head, stop_head
from raysearch.service.head_command import Ports, free_ports, head_command, head_environment

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        right = self.headers["Authorization"] == "Bearer " + open("token").read()
        self.send_response(200 if right else 403)
        self.end_headers()
        self.wfile.write(b'{"ray_version": "1"}')
    def log_message(self, *args): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
DIES = "raise SystemExit('no such port')"


@pytest.fixture
def program(monkeypatch, tmp_path):
    """Heads run this program; none outlives the test."""
    monkeypatch.setenv("RAYSEARCH_HEAD_DIR", str(tmp_path / "head"))

    def of(code):
        def command(ports, temporary):
            return [sys.executable, "-S", "-c", code, str(ports.dashboard)]

        monkeypatch.setattr(head_module, "head_command", command)

    of(SERVER)
    yield of
    stop_head()


def quiet(line):
    """Nothing: nobody listens."""


@pytest.mark.usefixtures("program")
class TestAHead:
    def test_is_started_once_and_found_again(self):
        assert running_head() is None
        told = []
        head = start_head(told.append)
        assert start_head(told.append) == head == running_head()
        assert len(told) == 1

    def test_is_started_once_by_many_at_the_same_time(self):
        with ThreadPoolExecutor(4) as pool:
            heads = list(pool.map(lambda _: start_head(quiet), range(4)))
        assert len(set(heads)) == 1

    def test_ends_when_told_and_may_start_again(self):
        first = start_head(quiet)
        assert stop_head()
        assert running_head() is None
        assert not stop_head()
        assert start_head(quiet).pid != first.pid

    def test_that_died_is_none(self, tmp_path):
        os.kill(start_head(quiet).pid, signal.SIGKILL)
        ends = time.monotonic() + 10
        while running_head() is not None:
            assert time.monotonic() < ends
        assert (tmp_path / "head" / "head.json").is_file()

    def test_of_another_program_is_refused_with_the_remedy(self, tmp_path):
        start_head(quiet)
        path = tmp_path / "head" / "head.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "python": "/old/python"}))
        with pytest.raises(InputError, match=r"/old/python with .*raysearch stop --head"):
            start_head(quiet)


def test_a_head_that_does_not_start_is_an_error_that_names_its_log(program, tmp_path):
    program(DIES)
    with pytest.raises(InputError, match=r"did not; see .*head\.log"):
        start_head(quiet)
    assert "no such port" in (tmp_path / "head" / "head.log").read_text()
    assert running_head() is None


def test_a_head_is_told_where_its_token_lies_and_not_what_it_is(program, monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "somebody's")
    monkeypatch.setenv("RAY_ADDRESS", "elsewhere:6379")
    token = head_token()
    path = tmp_path / "head" / "token"
    environment = head_environment(path)
    words = head_command(Ports(1, 2, 3, 4), tmp_path)
    assert environment["RAY_AUTH_MODE"] == "token"
    assert environment["RAY_AUTH_TOKEN_PATH"] == str(path)
    assert not {"RAY_AUTH_TOKEN", "RAY_ADDRESS"} & environment.keys()
    assert not any(token in each for each in [*words, *environment.values()])
    for word in ("--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1"):
        assert word in words


def test_ports_are_free_and_different():
    assert len(set(free_ports())) == len(Ports._fields)
