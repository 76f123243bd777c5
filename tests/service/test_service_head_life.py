"""The life of a head, told with a small server in the place of Ray."""

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from jobs_head import soon

from raysearch.access import make_token, read_token
from raysearch.errors import InputError
from raysearch.service import head as head_module
from raysearch.service import head_place
from raysearch.service.head import check_listener, start_head, stop_head
from raysearch.service.head_command import Ports, free_ports, head_command, head_environment
from raysearch.service.head_place import (
    About,
    Head,
    head_directory,
    head_token,
    running_head,
    sockets_directory,
)

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print("heard", self.headers["Authorization"], flush=True)
        right = self.headers["Authorization"] == "Bearer " + open("token").read()
        self.send_response(200 if right else 403)
        self.end_headers()
        self.wfile.write(b'{"ray_version": "1"}')
    def log_message(self, *args): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
DIES = "raise SystemExit('no such port')"
NEVER_ANSWERS = "import time; time.sleep(60)"
STARTER = f"""
import sys
from raysearch.service import head
head.head_command = lambda ports, ray: [sys.executable, "-S", "-c", {NEVER_ANSWERS!r}]
head.start_head(print)
"""


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """The directory of heads; none outlives the test."""
    monkeypatch.setenv("RAYSEARCH_HEAD_DIR", str(tmp_path / "head"))
    yield tmp_path / "head"
    stop_head()


@pytest.fixture
def program(monkeypatch, folder):
    """Heads run this program."""

    def of(code):
        def command(ports, temporary):
            return [sys.executable, "-S", "-c", code, str(ports.dashboard)]

        monkeypatch.setattr(head_module, "head_command", command)

    of(SERVER)
    return of


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
        check_listener(head)

    def test_is_started_once_by_many_at_the_same_time(self):
        with ThreadPoolExecutor(4) as pool:
            heads = list(pool.map(lambda _: start_head(quiet), range(4)))
        assert len(set(heads)) == 1

    def test_ends_when_told_and_may_start_again(self):
        first, token = start_head(quiet), head_token()
        assert stop_head()
        assert running_head() is None
        assert not stop_head()
        assert start_head(quiet).pid != first.pid
        assert head_token() != token

    def test_that_died_is_none(self, folder):
        os.kill(start_head(quiet).pid, signal.SIGKILL)
        soon(lambda: running_head() is None)
        assert (folder / "head.json").is_file()

    def test_of_another_program_is_refused_with_the_remedy(self, folder):
        start_head(quiet)
        path = folder / "head.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "python": "/old/python"}))
        with pytest.raises(InputError, match=r"/old/python with .*raysearch stop --head"):
            start_head(quiet)

    def test_without_its_token_is_an_error_with_the_remedy(self, folder):
        start_head(quiet)
        (folder / "token").unlink()
        with pytest.raises(InputError, match=r"but is gone; .*raysearch stop --head"):
            head_token()


class TestAStarterThatIsKilled:
    @pytest.fixture
    def orphan(self, folder):
        """A head whose starter was killed before it answered; it never will."""
        starter = subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.DEVNULL)
        try:
            soon(running_head)
        finally:
            starter.kill()
            starter.wait()
        return running_head()

    def test_leaves_a_head_that_can_be_ended(self, orphan):
        assert orphan is not None
        assert stop_head()
        assert running_head() is None

    def test_leaves_a_head_that_the_next_one_waits_for(self, orphan, monkeypatch):
        monkeypatch.setattr(head_module, "_START_S", 0.5)
        with pytest.raises(InputError, match=r"did not; see .*raysearch stop --head"):
            start_head(quiet)
        assert running_head() == orphan


def test_the_number_of_a_head_is_known_before_who_started_it_writes_anything(program, monkeypatch):
    """As if the starter were killed right after the process was made."""

    def killed(*given):
        head_module._STARTED.append(begun(*given))
        raise KeyboardInterrupt

    begun = head_module._begun
    monkeypatch.setattr(head_module, "_begun", killed)
    with pytest.raises(KeyboardInterrupt):
        start_head(quiet)
    assert running_head() is not None
    assert stop_head()


def test_what_an_earlier_head_left_is_not_believed_while_another_starts(program, monkeypatch):
    os.kill(start_head(quiet).pid, signal.SIGKILL)
    soon(lambda: running_head() is None)
    seen, signing = [], head_module.signing

    def looked(*given):
        with monkeypatch.context() as patch:
            patch.setattr(head_place, "_BIRTH_S", 0.0)
            seen.append(running_head())
        return signing(*given)

    monkeypatch.setattr(head_module, "signing", looked)
    start_head(quiet)
    assert seen == [None]


def test_only_the_head_that_was_found_is_ended(monkeypatch):
    """Another starts in the moment in which it ends, and its number is free again."""
    about = About("http://127.0.0.1:1", "python", "raysearch")
    old, new = Head(7, about), Head(8, about)
    found, signalled = iter([old, old, new, new]), []

    def kill(pid, number):
        signalled.append((pid, number))
        raise ProcessLookupError

    monkeypatch.setattr(head_module, "_STOP_S", 0.0)
    monkeypatch.setattr(head_module, "running_head", lambda: next(found))
    monkeypatch.setattr(os, "kill", kill)
    handed = head_directory() / "environment-one-x"
    handed.touch()
    assert stop_head()
    assert handed.exists()  # a job of the other one may take it
    assert signalled == [(7, signal.SIGTERM), (7, signal.SIGKILL)]
    assert list(found) == []


def test_no_token_is_sent_while_somebody_else_listens(program, folder, monkeypatch):
    monkeypatch.setattr(head_module, "listeners", lambda port: {os.getuid() + 1})
    monkeypatch.setattr(head_module, "_START_S", 1.0)
    with pytest.raises(InputError, match="did not; see"):
        start_head(quiet)
    with pytest.raises(InputError, match=r"must listen at .* but does not"):
        check_listener(running_head())
    assert "heard" not in (folder / "head.log").read_text()


def test_where_the_system_does_not_tell_who_listens_ray_tells_when_it_does(
    program, folder, monkeypatch
):
    monkeypatch.setattr(head_module, "listeners", lambda port: None)
    monkeypatch.setattr(head_module, "_START_S", 0.5)
    with pytest.raises(InputError, match="did not; see"):
        start_head(quiet)
    assert "heard" not in (folder / "head.log").read_text()
    with (folder / "head.log").open("a") as log:
        log.write("Ray runtime started.\n")
    assert start_head(quiet) == running_head()


def test_a_head_that_does_not_start_is_an_error_that_names_its_log(program, folder):
    program(DIES)
    with pytest.raises(InputError, match=r"did not; see .*head\.log"):
        start_head(quiet)
    assert "no such port" in (folder / "head.log").read_text()
    assert running_head() is None


def test_a_head_is_told_where_its_token_lies_and_not_what_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "somebody's")
    monkeypatch.setenv("RAY_ADDRESS", "elsewhere:6379")
    path = make_token(tmp_path / "token")
    token = read_token(path)
    environment = head_environment(path)
    words = head_command(Ports(1, 2, 3, 4), Path("/tmp/ray"))
    assert environment["RAY_AUTH_MODE"] == "token"
    assert environment["RAY_AUTH_TOKEN_PATH"] == str(path)
    assert not {"RAY_AUTH_TOKEN", "RAY_ADDRESS"} & environment.keys()
    assert not any(token in each for each in [*words, *environment.values()])
    for word in ("--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1"):
        assert word in words


def test_a_path_too_long_for_sockets_is_refused():
    with pytest.raises(InputError, match=r"at most 40 bytes, but /t{60} has 61; .*HEAD_DIR"):
        head_command(Ports(1, 2, 3, 4), Path("/" + "t" * 60))


class TestTheDirectoryOfAHead:
    @pytest.fixture(autouse=True)
    def home(self, monkeypatch, tmp_path):
        monkeypatch.delenv("RAYSEARCH_HEAD_DIR", raising=False)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        monkeypatch.setattr(head_place.tempfile, "gettempdir", lambda: str(tmp_path))

    def test_lies_in_the_home_and_has_the_name_of_the_machine(self, tmp_path):
        found = head_directory()
        assert found == tmp_path / "state" / "raysearch" / socket.gethostname()
        assert found.stat().st_mode & 0o777 == 0o700

    def test_has_its_sockets_on_a_local_disk(self, tmp_path):
        assert sockets_directory() == tmp_path / f"raysearch-{os.getuid()}" / "ray"

    def test_is_moved_with_its_sockets(self, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("RAYSEARCH_HEAD_DIR", "mine")
        assert head_directory() == tmp_path / "mine"
        assert sockets_directory() == tmp_path / "mine" / "ray"

    def test_that_cannot_be_made_is_an_error_with_the_remedy(self, monkeypatch, tmp_path):
        (tmp_path / "state").write_text("")
        with pytest.raises(InputError, match=r"a directory, but: .*state.* by RAYSEARCH_HEAD_DIR"):
            head_directory()


def test_ports_are_free_and_different():
    assert len(set(free_ports())) == len(Ports._fields)
