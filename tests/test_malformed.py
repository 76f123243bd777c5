"""A file that is not what it should be becomes a sentence; storage that fails and bugs do not."""

import errno
import sqlite3

import pytest
from toys import hand_made_study

from raysearch.errors import InputError
from raysearch.files import replacing, write_json
from raysearch.malformed import as_written, read_json, reason, refusing
from raysearch.study import load_study


def fail(error, place="mine"):
    with as_written(place):
        raise error


@pytest.mark.parametrize("error", [KeyError("a"), TypeError("b"), MemoryError(), sqlite3.Error()])
def test_what_goes_wrong_is_said_with_its_cause(error):
    with pytest.raises(InputError, match=r"but mine: .*; put back") as found:
        fail(error)
    assert found.value.__cause__ is error


def test_a_message_that_names_no_place_gets_it():
    with pytest.raises(InputError, match=r"^mine: unknown mode"):
        fail(InputError("unknown mode"))
    with pytest.raises(InputError, match=r"^a\.json of mine is cut"):
        fail(InputError("a.json of mine is cut"))


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_storage_that_fails_is_no_malformed_file(error):
    with pytest.raises(type(error)) as found:
        fail(error)
    assert found.value is error


def test_a_value_that_fills_pages_is_cut():
    said = r"^mine: unknown mode aaa.* \.\.\. a*; write another\.$"
    with pytest.raises(InputError, match=said) as found:
        fail(InputError(f"unknown mode {'a' * 10_000}; write another."))
    assert len(str(found.value)) < 2000


def test_a_cause_is_one_short_line():
    assert reason(ValueError("a\n b" + "c" * 1000)).startswith("ValueError: a bccc")
    assert len(reason(ValueError("c" * 1000))) < 400
    nested = []
    for _ in range(100_000):
        nested = [nested]
    assert reason(KeyError(nested)) == "KeyError"
    while nested:  # what is nested so deeply would be too deep to be let go of at once
        nested = nested.pop()


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[1]", b"3", b"\xff", b"[" * 100_000, b"1" * 10_000], ids=range(7)
)
def test_what_is_no_json_of_ours_is_refused(text, tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(text)
    with pytest.raises(InputError, match=r"a\.json must be whole JSON"):
        read_json(path)


def test_a_missing_json_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a\.json must be whole JSON, but is not: FileNot"):
        read_json(tmp_path / "a.json")


def test_rule_and_remedy_are_said():
    said = r"^it must be so, but here: KeyError: 1; do this\.$"
    with pytest.raises(InputError, match=said), refusing("here", "it must be so", "do this"):
        raise KeyError(1)


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path):
    (tmp_path / "a.json").mkdir()
    with pytest.raises(InputError, match=r"a\.json must be a file, but is not"):
        write_json(tmp_path / "a.json", {})
    (tmp_path / "b").write_text("")
    with pytest.raises(InputError, match="b must be a folder"), replacing(tmp_path / "b") as made:
        made.mkdir()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("trials", 10**9, "`trials <= 200000` must hold"),
        ("repeats", 10**30, "`repeats <= 10000` must hold"),
        ("trials", "3", "trials must be a whole number, but got '3'"),
        ("seed", float("nan"), "seed must be a whole number"),
        ("objective", ["val_sic"], "must be as raysearch wrote them"),
    ],
)
def test_settings_of_a_study_are_checked_before_it_is_resumed(name, value, message, tmp_path):
    from raysearch import resume

    study = hand_made_study(tmp_path / "study")
    about = study.about
    about["settings"][name] = value
    write_json(study.directory / "study.json", about)
    with pytest.raises(InputError, match=message) as found:
        resume(study.directory, say=lambda line: None)
    assert str(study.directory) in str(found.value)


def test_what_a_study_says_cannot_steer_a_terminal(tmp_path, capsys):
    from raysearch.commands.ending import end_study

    study = hand_made_study(tmp_path / "study")
    selection = study.selection
    selection["choices"]["val_sic"]["setup"]["detector"] = "\x1b[2J"
    write_json(study.directory / "selection.json", selection)
    write_json(study.directory / "study.json", {**study.about, "ended_early": None})
    end_study(load_study(study.directory))
    assert "\\x1b[2J" in capsys.readouterr().out
