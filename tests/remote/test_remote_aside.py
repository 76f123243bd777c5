"""What was never sent is put aside when another machine went on, whenever this is killed."""

import shutil
from pathlib import Path

import pytest
from kept_studies import killed, quiet, write

from raysearch.remote import kept as module
from raysearch.remote import writers
from raysearch.remote.kept import copy_of, kept

pytestmark = pytest.mark.usefixtures("machine")


def test_what_was_never_sent_is_put_aside_when_another_machine_went_on(uri, machine, monkeypatch):
    monkeypatch.setattr(module, "claim", lambda *given: writers.claim(*given, dead_s=0.3))
    write(uri, "first")
    killed(uri)
    machine("second")
    write(uri, "second")
    machine("first")
    lines = []
    with kept(uri, lines.append) as directory:
        assert (directory / "study.json").read_text() == "second"
    (aside,) = [path for path in directory.parent.iterdir() if path != directory]
    assert (aside / "study.json").read_text() == "not yet sent"
    assert any(str(aside) in line for line in lines)


class Killed(BaseException):
    """Nothing in the package expects it."""


@pytest.fixture
def kill(monkeypatch):
    """Call it with a number: at so manieth change of a directory this process is as if killed."""
    left = []

    def counted(change):
        def made(*given, **named):
            if left:
                left[0] -= 1
                if left[0] < 0:
                    raise Killed
            return change(*given, **named)

        return made

    for name in ("rename", "replace", "mkdir", "unlink"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))
    monkeypatch.setattr(shutil, "rmtree", counted(shutil.rmtree))

    def after(changes):
        left[:] = [changes]
        return left

    return after


UNSENT = {"study.json": "not yet sent", "a": "1", "b": "2", "c/d": "3", "zz": "4"}


def with_unsent(uri, machine):
    """The first machine holds files that it never sent, and the second has gone on."""
    write(uri, "first")
    killed(uri)
    for name, text in UNSENT.items():
        (copy_of(uri) / name).parent.mkdir(exist_ok=True)
        (copy_of(uri) / name).write_text(text)
    machine("second")
    write(uri, "second")
    machine("first")


def texts(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


@pytest.mark.parametrize("uri", ["file"], indirect=True)
def test_wherever_putting_aside_is_killed_nothing_unsent_is_lost(
    uri, machine, monkeypatch, kill, tmp_path
):
    monkeypatch.setattr(module, "claim", lambda *given: writers.claim(*given, dead_s=0.3))
    with_unsent(uri, machine)
    whole = tmp_path / "caches"
    shutil.copytree(whole, tmp_path / "before", copy_function=shutil.copy)
    for step in range(100):
        shutil.rmtree(whole)
        shutil.copytree(tmp_path / "before", whole)
        left = kill(step)
        try:
            with kept(uri, quiet):
                pass
        except Killed:
            left.clear()
        else:
            break
        with kept(uri, quiet) as directory:
            assert texts(directory) == {"study.json": "second"}, step
        (aside,) = [p for p in directory.parent.iterdir() if p.name[0] != "." and p != directory]
        assert texts(aside) == UNSENT, step
    assert step > 2 * len(UNSENT)
