"""A job on this machine runs in its submitter's environment, which nobody else sees."""

import errno
import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace

import pytest

from raysearch.errors import InputError
from raysearch.service.cluster import Cluster
from raysearch.service.executor import Request
from raysearch.service.handed import forget_handed, handed_over
from raysearch.service.head import stop_head
from raysearch.service.head_place import DIRECTORY
from raysearch.service.job_interface import JobInterface
from raysearch.service.local import Local

# It begins with what Python runs it for, and then tells the environment instead.
PYTHON = """#!/bin/sh
if [ "$1" = -I ]; then exec {python} "$@"; fi
exec {python} -c 'import json, os; print(json.dumps(dict(os.environ)))'
"""
REQUEST = Request("one", ("report", "--", "/study"), "/study")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The directory of a head."""
    monkeypatch.setenv(DIRECTORY, str(tmp_path / "head"))
    (tmp_path / "head").mkdir(mode=0o700)
    (tmp_path / "python").write_text(PYTHON.format(python=shlex.quote(sys.executable)))
    (tmp_path / "python").chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "head"


def run(line, **environment):
    """What a head that was started in this environment makes of a line."""
    return subprocess.run(line, shell=True, env=environment, capture_output=True, text=True)


def test_a_job_has_the_environment_of_who_submits_it(folder, head, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "h1dden")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "s0mebody's")
    monkeypatch.setenv("RAY_RUNTIME_ENV_HOOK", "somebody.hook")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:2")
    monkeypatch.setenv("__RAY_OF", "another")
    monkeypatch.setenv("ODD", "two\nlines, 'quotes' and \udcff")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    Local(Cluster(JobInterface(head.url, None))).start(REQUEST)
    sent = repr(head.requests)
    assert "h1dden" not in sent
    assert "s0mebody" not in sent
    (path,) = folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert "s0mebody" not in path.read_text()
    line = head.jobs["one"]["entrypoint"]
    ended = run(line, AWS_SECRET_ACCESS_KEY="of the first", RAY_ADDRESS="127.0.0.1:1")
    seen = json.loads(ended.stdout)
    assert seen["PGPASSWORD"] == "h1dden"
    assert seen["OMP_NUM_THREADS"] == "3"
    assert seen["ODD"] == os.environ["ODD"]
    assert seen["PATH"] == os.environ["PATH"]
    assert seen["RAY_ADDRESS"] == "127.0.0.1:1"
    absent = ("AWS_SECRET_ACCESS_KEY", "RAY_AUTH_TOKEN", "RAY_RUNTIME_ENV_HOOK", "__RAY_OF")
    assert not seen.keys() & set(absent)
    assert list(folder.iterdir()) == []
    again = run(line)
    assert again.returncode == 1
    assert "is gone; submit it again" in again.stderr


def test_of_a_job_that_was_refused_nothing_stays(folder, head):
    head.answers["/api/jobs/"] = (500, "no")
    with pytest.raises(InputError):
        Local(Cluster(JobInterface(head.url, None))).start(REQUEST)
    assert list(folder.iterdir()) == []


def test_what_was_never_taken_is_forgotten(folder):
    with handed_over(folder, "one", folder):
        pass
    (folder / "token").touch()
    forget_handed(folder)
    assert [path.name for path in folder.iterdir()] == ["token"]


def test_who_stops_the_head_leaves_no_environment(folder):
    with handed_over(folder, "one", folder):
        pass
    assert not stop_head()
    assert not list(folder.glob("environment-*"))


def test_of_a_job_that_did_not_wait_for_it_any_more_nothing_stays(folder, head):
    local = Local(Cluster(JobInterface(head.url, None)))
    names = ("one", "two-2", "never-submitted")
    for name in names:
        with handed_over(folder, name, folder) as handed:
            os.utime(handed.file, (0, 0))
    with handed_over(folder, "just-now", folder):
        pass
    for name, state in (("one", "STOPPED"), ("two-2", "PENDING")):
        local.cluster.start(replace(REQUEST, job_id=name))
        head.jobs[name]["status"] = state
    local.start(replace(REQUEST, job_id="three"))
    left = sorted(path.name.rpartition("-")[0] for path in folder.iterdir())
    assert left == ["environment-just-now", "environment-three", "environment-two-2"]


def test_a_job_whose_directory_is_gone_says_so_and_leaves_no_environment(folder, head, tmp_path):
    where = tmp_path / "a b"
    local = Local(Cluster(JobInterface(head.url, None)))
    local.start(replace(REQUEST, working_dir=where))
    ended = run(head.jobs["one"]["entrypoint"])
    assert ended.returncode == 1
    assert f"but {where} is not (No such file or directory); submit it again" in ended.stderr
    assert list(folder.iterdir()) == []


def test_a_job_that_the_head_took_without_a_word_is_submitted_and_keeps_its_environment(
    folder, head, monkeypatch
):
    def cut_off(self, *asked):
        submit(self, *asked)
        raise InputError("timed out")

    submit = JobInterface.submit
    monkeypatch.setattr(JobInterface, "submit", cut_off)
    local = Local(Cluster(JobInterface(head.url, None)))
    local.start(REQUEST)
    assert run(head.jobs["one"]["entrypoint"]).returncode == 0
    # The job of somebody else, who was faster, takes another environment.
    monkeypatch.setattr(JobInterface, "submit", lambda *asked: cut_off(*asked[:2], "", {}, {}))
    with pytest.raises(InputError, match="timed out"):
        local.start(replace(REQUEST, job_id="two"))
    assert list(folder.iterdir()) == []


def test_a_home_without_room_is_an_error_that_says_so_and_nothing_stays(folder, monkeypatch):
    def full(*told):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(json, "dump", full)
    with (
        pytest.raises(InputError, match=r"head must be on a disk .* No space left on device; make"),
        handed_over(folder, "one", folder),
    ):
        pass
    assert list(folder.iterdir()) == []
