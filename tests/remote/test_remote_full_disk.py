"""A full disk of this machine is not said to be a store that does not answer."""

import errno
import time
from pathlib import Path

import pytest
from kept_studies import quiet, there, write

from raysearch.errors import InputError
from raysearch.remote import publishing, restoring, snapshots
from raysearch.remote.kept import copy_of, download, kept
from raysearch.remote.objects import Unreachable, open_objects
from raysearch.storage import Unwritable

pytestmark = pytest.mark.usefixtures("machine")
FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def full(monkeypatch):
    """While it is not empty nothing is copied to this machine's disk."""
    held, copy = [], snapshots.copy_file

    def copied(path, to):
        if held:
            raise FULL
        copy(path, to)

    monkeypatch.setattr(snapshots, "copy_file", copied)
    return held


def test_it_is_said_where_no_room_is_and_when_there_is_some(uri, tmp_path, monkeypatch, full):
    monkeypatch.setattr(publishing, "RENEW_S", 0.05)
    lines = []

    def wait_for(word):
        ends = time.monotonic() + 30
        while not any(word in line for line in lines):
            assert time.monotonic() < ends
            time.sleep(0.02)

    with kept(uri, lines.append) as directory:
        full.append(True)
        (directory / "study.json").write_text("meanwhile")
        wait_for("make room there")
        full.clear()
        wait_for(f"{directory.parent} has room again")
    (said,) = [line for line in lines if "No space left" in line]
    assert said.startswith(f"{directory.parent} must be on a disk of this machine")
    assert not any("answer" in line for line in lines)
    assert there(uri, tmp_path / "back") == "meanwhile"


def test_a_last_word_for_which_there_is_no_room_is_sent_later(uri, tmp_path, full):
    directory = copy_of(uri)

    def run():
        with kept(uri, quiet):
            (directory / "study.json").write_text("last")
            full.append(True)

    with pytest.raises(InputError, match="make room there") as told:
        run()
    assert "answer" not in str(told.value)
    assert f"then `raysearch resume {directory}` sends it" in str(told.value)
    full.clear()
    with kept(directory, quiet):
        pass
    assert there(uri, tmp_path / "back") == "last"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_what_is_fetched_to_a_full_disk_is_not_for_the_store_to_answer(uri):
    objects = open_objects(uri)
    objects.put("one", b"x")
    with pytest.raises(Unwritable, match=r"^/dev must be on a disk.*No space left") as told:
        objects.get_file("one", Path("/dev/full"), 1)
    assert not isinstance(told.value, Unreachable)


def test_folders_that_have_no_room_are_not_said_to_be_a_hostile_stores(uri, tmp_path, monkeypatch):
    write(uri, "one")

    def no_room(*given, **named):
        raise FULL

    (tmp_path / "back").mkdir()
    monkeypatch.setattr(restoring.Path, "unlink", no_room)
    with pytest.raises(Unwritable, match=f"^{tmp_path / 'back'} must be on a disk"):
        download(uri, tmp_path / "back")


def test_a_mark_that_cannot_be_written_tells_where(uri, monkeypatch):
    def no_room(path, told):
        raise FULL

    monkeypatch.setattr("raysearch.remote.kept.write_json", no_room)
    with pytest.raises(Unwritable, match=f"^{copy_of(uri)} must be on a disk"), kept(uri, quiet):
        pass
