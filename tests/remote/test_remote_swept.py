"""Folders that killed processes left beside their copies go when the next one starts."""

import os
import shutil
import signal
import subprocess
import sys

import pytest
from kept_studies import quiet, there, write
from processes import started

from raysearch.remote import kept as module
from raysearch.remote import writers
from raysearch.remote.kept import copy_of, kept
from raysearch.remote.objects import open_objects

pytestmark = [
    pytest.mark.usefixtures("machine"),
    pytest.mark.parametrize("uri", ["file"], indirect=True),
]

# Stands still where it sends or fetches a file, having begun a folder beside its copy.
HANGS = """
import sys, time
from raysearch.remote.kept import kept
from raysearch.remote.objects import Objects
def hang(*given):
    print("hangs", flush=True)
    time.sleep(600)
setattr(Objects, sys.argv[2], hang)
with kept(sys.argv[1], print) as directory:
    (directory / "study.json").write_text("not yet sent")
"""


def killed_at(uri, verb):
    words = [sys.executable, "-c", HANGS, uri, verb]
    with started(words, stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            if line == "hangs\n":
                os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def beside(directory):
    return sorted(path.name for path in directory.parent.iterdir() if path != directory)


def test_what_was_about_to_be_sent_goes_and_is_sent(uri, tmp_path):
    directory = write(uri, "first")
    killed_at(uri, "put_file")
    (left,) = beside(directory)
    assert left.startswith(f".sent.{directory.name}.")
    with kept(uri, quiet):
        assert beside(directory) == []
    assert there(uri, tmp_path / "back") == "not yet sent"


def test_what_was_fetched_goes_when_the_copy_is_whole(uri, monkeypatch):
    monkeypatch.setattr(module, "claim", lambda *given: writers.claim(*given, dead_s=0.3))
    directory = write(uri, "first")
    shutil.rmtree(directory)
    killed_at(uri, "get_file")
    (left,) = beside(directory)
    assert left.startswith(f".kept.{directory.name}.")
    with kept(uri, quiet):
        assert beside(directory) == []
        assert (directory / "study.json").read_text() == "first"


def test_what_was_fetched_stays_if_the_store_has_it_no_more(uri, tmp_path):
    left = copy_of(uri).with_name(f".kept.{copy_of(uri).name}.a_b1")
    left.mkdir(parents=True)
    left.parent.chmod(0o700)
    (left / "study.json").write_text("of a store that was emptied")
    assert open_objects(uri).names("writers") == []
    write(uri, "new")
    assert beside(copy_of(uri)) == [left.name]
    with kept(uri, quiet):
        assert beside(copy_of(uri)) == []


def test_what_belongs_to_other_copies_stays(uri):
    directory = write(uri, "one")
    others = [f".sent.{directory.name}.second-0a1b2c3d.abcd", f".sent.{directory.name}2.abcd"]
    others += [f".kept.other-{directory.name}.abcd", f"{directory.name}.000001-aa", ".sent.abcd"]
    for name in others:
        directory.with_name(name).mkdir()
    with kept(uri, quiet):
        assert beside(directory) == sorted(others)
