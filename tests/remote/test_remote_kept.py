"""A study that is kept in an object store: here, on another machine, and when things go wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from kept_studies import killed, quiet, there, write
from processes import started
from toys import hand_made_study

from raysearch.errors import InputError
from raysearch.files import write_json
from raysearch.remote import kept as module
from raysearch.remote import publishing, writers
from raysearch.remote.kept import MARK, copy_of, download, is_replaced, kept
from raysearch.remote.objects import Objects, Unreachable, open_objects

pytestmark = pytest.mark.usefixtures("machine")


def test_a_directory_is_given_back_as_it_is(tmp_path):
    with kept(tmp_path / "study", quiet) as directory:
        assert directory == tmp_path / "study"
    assert not directory.exists()


def test_another_machine_goes_on_with_what_was_kept(uri, tmp_path, machine):
    lines = []
    first = write(uri, "one", lines.append)
    assert lines[-1] == f"kept at {uri}"
    assert there(uri, tmp_path / "back") == "one"
    machine("second")
    with kept(uri, quiet) as directory:
        assert directory != first
        assert (directory / "study.json").read_text() == "one"
        (directory / "study.json").write_text("two")
    machine("first")
    with kept(uri, quiet) as directory:
        assert directory == first
        assert (directory / "study.json").read_text() == "two"


def test_it_is_known_by_its_copy_and_may_be_asked_for_within(uri):
    directory = write(uri, "one")
    with kept(directory, quiet) as here, kept(uri, quiet) as same:
        assert here == same == directory
    assert kept_in(directory) == uri


def kept_in(directory):
    return json.loads((directory / MARK).read_text())["uri"]


def test_the_mark_of_somebody_elses_directory_sends_nothing(uri, tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / MARK).write_text(
        json.dumps({"schema": 1, "uri": uri, "writer": [1, "0" * 16]})
    )
    with kept(tmp_path / "theirs", quiet) as directory:
        assert directory == tmp_path / "theirs"
    assert open_objects(uri).names("writers") == []


@pytest.mark.parametrize("mark", ["", "[]", "{}", '{"uri": 3}', '{"writer": [1]}', "\0"])
def test_a_mark_that_is_none_is_overwritten(mark, tmp_path):
    uri = f"file://{tmp_path}/store"
    copy_of(uri).mkdir(parents=True, mode=0o700)
    copy_of(uri).parent.chmod(0o700)
    (copy_of(uri) / MARK).write_text(mark)
    assert kept_in(write(uri, "one")) == uri


def test_it_is_published_while_it_runs(uri, tmp_path, monkeypatch):
    monkeypatch.setattr(publishing, "RENEW_S", 0.05)
    with kept(uri, quiet) as directory:
        (directory / "study.json").write_text("half way")
        ends = time.monotonic() + 30
        while module.newest_snapshot(open_objects(uri)) is None:
            assert time.monotonic() < ends
            time.sleep(0.05)
        assert there(uri, tmp_path / "back") == "half way"


def test_what_a_killed_process_had_not_sent_goes_on_here(uri, tmp_path):
    write(uri, "first")
    killed(uri)
    assert there(uri, tmp_path / "before") == "first"
    lines = []
    with kept(uri, lines.append) as directory:
        assert (directory / "study.json").read_text() == "not yet sent"
    assert not any("writer lives" in line for line in lines)
    assert there(uri, tmp_path / "after") == "not yet sent"


def test_another_machine_goes_on_with_what_was_sent_and_that_counts(uri, machine, monkeypatch):
    monkeypatch.setattr(module, "claim", lambda *given: writers.claim(*given, dead_s=0.3))
    write(uri, "first")
    killed(uri)
    machine("second")
    with kept(uri, quiet) as directory:
        assert (directory / "study.json").read_text() == "first"
        (directory / "study.json").write_text("second")
    machine("first")
    with kept(uri, quiet) as directory:
        assert (directory / "study.json").read_text() == "second"


def replaced(uri):
    """What a process that runs a study is told of another that takes over: before, then, after."""
    found = []

    def run():
        with kept(uri, quiet) as here:
            found.append(is_replaced(here))
            open_objects(uri).put(writers.Writer(9, "f" * 16).claim, b'{"beat": "0"}')
            ends = time.monotonic() + 30
            while not is_replaced(here) and time.monotonic() < ends:
                time.sleep(0.02)
            with kept(here, quiet) as within:
                found.append(is_replaced(within))

    with pytest.raises(writers.Superseded, match="another has gone on"):
        run()
    return [*found, is_replaced(copy_of(uri))]


def test_who_was_replaced_is_told_whatever_signals_do(uri, monkeypatch):
    monkeypatch.setattr(publishing, "RENEW_S", 0.05)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert replaced(uri) == [False, True, False]
    finally:
        signal.signal(signal.SIGINT, before)


def test_who_was_replaced_is_told_in_any_thread(uri, monkeypatch):
    monkeypatch.setattr(publishing, "RENEW_S", 0.05)
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(replaced, uri).result() == [False, True, False]


@pytest.fixture
def outage(monkeypatch):
    """While its event is set the store does not answer."""
    event, path = threading.Event(), Objects._path

    def asked(self, name):
        if event.is_set():
            raise Unreachable("the object store of a study must answer, but of x: no route")
        return path(self, name)

    monkeypatch.setattr(Objects, "_path", asked)
    return event


def test_an_outage_is_said_once_and_what_came_meanwhile_is_sent(uri, tmp_path, monkeypatch, outage):
    monkeypatch.setattr(publishing, "RENEW_S", 0.05)
    lines = []

    def wait_for(word):
        ends = time.monotonic() + 30
        while not any(word in line for line in lines):
            assert time.monotonic() < ends
            time.sleep(0.02)

    with kept(uri, lines.append) as directory:
        (directory / "study.json").write_text("before")
        outage.set()
        wait_for("no route")
        (directory / "study.json").write_text("meanwhile")
        time.sleep(0.3)
        outage.clear()
        wait_for("answers again")
    assert sum("no route" in line for line in lines) == 1
    assert there(uri, tmp_path / "back") == "meanwhile"


def test_if_the_last_word_cannot_be_sent_it_says_where_all_is_and_sends_it_later(
    uri, tmp_path, outage
):
    directory = copy_of(uri)

    def run():
        with kept(uri, quiet):
            (directory / "study.json").write_text("last")
            outage.set()

    with pytest.raises(InputError, match="no route") as told:
        run()
    assert f"raysearch resume {directory}" in str(told.value)
    outage.clear()
    with kept(directory, quiet):
        pass
    assert there(uri, tmp_path / "back") == "last"


@pytest.mark.parametrize("times", [1, 2, 5])
def test_ctrl_c_while_the_last_word_is_sent_is_heard_after_it(times, uri, tmp_path, monkeypatch):
    put = Objects.put_file

    def interrupted(self, name, path):
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        put(self, name, path)

    monkeypatch.setattr(Objects, "put_file", interrupted)
    before = signal.getsignal(signal.SIGINT)
    lines = []
    with pytest.raises(KeyboardInterrupt):
        write(uri, "last", lines.append)
    assert [line.startswith("this ends as soon as all") for line in lines] in ([1, 0], [0, 1])
    assert lines.count(f"kept at {uri}") == 1
    assert signal.getsignal(signal.SIGINT) == before
    assert there(uri, tmp_path / "back") == "last"
    assert json.loads((copy_of(uri) / MARK).read_text())["is_sent"]
    assert writers.claim(open_objects(uri), None, quiet, dead_s=1e6)  # it is free at once


def test_ctrl_c_while_an_earlier_word_is_sent_costs_no_later_one(uri, tmp_path, monkeypatch):
    monkeypatch.setattr(publishing, "RENEW_S", 0.05)
    put, sending = Objects.put_file, threading.Event()
    main, before = threading.get_ident(), signal.getsignal(signal.SIGINT)

    def slowly(self, name, path):
        if not sending.is_set():
            sending.set()
            ends = time.monotonic() + 30
            while signal.getsignal(signal.SIGINT) is before and time.monotonic() < ends:
                time.sleep(0.01)
            # The study is left and waits for this; a press at another time would hit the test.
            if signal.getsignal(signal.SIGINT) is not before:
                for _ in range(2):
                    signal.pthread_kill(main, signal.SIGINT)
                    assert said.wait(30)
        put(self, name, path)

    monkeypatch.setattr(Objects, "put_file", slowly)

    lines, said = [], threading.Event()

    def say(line):
        lines.append(line)
        said.set()

    def run():
        with kept(uri, say) as directory:
            (directory / "study.json").write_text("early")
            assert sending.wait(30)
            (directory / "study.json").write_text("last")

    with pytest.raises(KeyboardInterrupt):
        run()
    assert there(uri, tmp_path / "back") == "last"
    # Said while the earlier one is sent; after it comes the last one, and Ctrl-C is heard once.
    waits = f"this ends as soon as all that is finished is sent to {uri}"
    assert lines == [waits, f"kept at {uri}"]


def test_an_error_of_the_last_word_is_told_also_after_ctrl_c(uri, outage):
    def run():
        with kept(uri, quiet):
            outage.set()
            raise KeyboardInterrupt

    with pytest.raises(InputError, match="no route"):
        run()


SLOW = """
import sys, time
from raysearch import cli
from raysearch.remote.objects import Objects
put = Objects.put_file
def first_slowly(self, name, path):
    Objects.put_file = put
    print("sending", flush=True)
    time.sleep(2)
    put(self, name, path)
Objects.put_file = first_slowly
cli.main(["resume", sys.argv.pop()])
"""


@pytest.mark.parametrize("uri", ["file"], indirect=True)
@pytest.mark.parametrize("times", [1, 2])
def test_a_command_that_ctrl_c_ends_at_its_last_word_has_said_it(times, uri, tmp_path):
    with kept(uri, quiet) as directory:
        about = hand_made_study(directory).about
        write_json(directory / "study.json", {**about, "ended_early": None})
    words = [sys.executable, "-c", SLOW, uri]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    before = []
    with started(words, **pipes) as process:
        for line in process.stdout:
            before.append(line)
            if line == "sending\n":
                break
        for _ in range(times):
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=60)
    assert process.returncode == 130, (before, told)
    assert f"kept at {uri}" in told
    assert told.count("this ends as soon as all that is finished is sent") == 1
    (tmp_path / "back").mkdir()
    download(uri, tmp_path / "back")
    assert (tmp_path / "back" / "report.html").is_file()


def test_one_process_of_a_machine_at_a_time(uri):
    with kept(uri, quiet) as directory:
        held = module._OPEN.pop(directory)
        with pytest.raises(InputError, match="running already"), kept(uri, quiet):
            pass
        module._OPEN[directory] = held


def test_copies_are_this_users_alone(uri):
    directory = write(uri, "one")
    assert [path.stat().st_mode & 0o777 for path in (directory, directory.parent)] == [0o700] * 2
    assert directory.is_relative_to(Path(os.environ["XDG_STATE_HOME"]))


def test_a_copy_that_somebody_emptied_is_fetched_again_and_spoils_nothing(uri, tmp_path):
    directory = write(uri, "one")
    (directory / "study.json").unlink()
    with kept(uri, quiet) as again:
        assert (again / "study.json").read_text() == "one"
    assert there(uri, tmp_path / "back") == "one"


def test_who_only_looked_is_not_taken_for_who_went_on(uri, machine, monkeypatch):
    monkeypatch.setattr(module, "claim", lambda *given: writers.claim(*given, dead_s=0.3))
    write(uri, "first")
    killed(uri)
    machine("second")
    with kept(uri, quiet):
        pass
    machine("first")
    with kept(uri, quiet) as directory:
        assert (directory / "study.json").read_text() == "not yet sent"


def test_a_long_upload_is_no_death(tmp_path, monkeypatch):
    uri = f"file://{tmp_path}/store"
    monkeypatch.setattr(publishing, "RENEW_S", 0.05)
    monkeypatch.setattr(module, "claim", lambda *given: writers.claim(*given, dead_s=1.0))
    put, sending = Objects.put_file, threading.Event()

    def slowly(self, name, path):
        sending.set()
        time.sleep(3)
        put(self, name, path)

    monkeypatch.setattr(Objects, "put_file", slowly)
    with kept(uri, quiet) as directory:
        (directory / "study.json").write_text("large")
        assert sending.wait(30)
        with pytest.raises(InputError, match="running already"):
            writers.claim(open_objects(uri), None, quiet, dead_s=1.0)


def test_events_that_were_in_memory_go_along(uri, machine):
    from raysearch.files import sha256
    from raysearch.inputs import unchanged

    with kept(uri, quiet) as first:
        (first / "inputs").mkdir()
        (first / "inputs" / "events.h5").write_bytes(b"events")
        (first / "study.json").write_text("{}")
    told = {"events": {"path": str(first / "inputs" / "events.h5"), "sha256": ""}}
    told["events"]["sha256"] = sha256(first / "inputs" / "events.h5")
    machine("second")
    with kept(uri, quiet) as second:
        shutil.rmtree(first)
        assert unchanged(told, second / "inputs")["events"] == second / "inputs" / "events.h5"
