"""A file is whole or absent, whatever happens while it is written."""

import json
import os
import threading

import pytest

from raysearch.files import replacing, write_json


def interrupted(path, made):
    with replacing(path) as temporary:
        made(temporary)
        raise KeyboardInterrupt


def test_an_exception_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        interrupted(path, lambda temporary: temporary.write_text("half"))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_exception_leaves_no_half_directory(tmp_path):
    def made(temporary):
        temporary.mkdir()
        (temporary / "part").write_text("half")

    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "detector", made)
    assert not list(tmp_path.iterdir())


def test_a_block_that_writes_nothing_is_an_error_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_text() == "old"


def test_missing_folders_are_made(tmp_path):
    write_json(tmp_path / "a" / "b" / "c.json", {"x": 1})
    assert json.loads((tmp_path / "a" / "b" / "c.json").read_text()) == {"x": 1}


def test_what_is_no_json_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", {"x": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"x": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": 1}


def test_a_reader_never_meets_a_half_file(tmp_path):
    path, stop = tmp_path / "a.json", threading.Event()
    write_json(path, {"x": [0] * 5000})
    seen = []

    def read():
        while not stop.is_set():
            seen.append(len(json.loads(path.read_text())["x"]))

    reader = threading.Thread(target=read)
    reader.start()
    for value in range(30):
        write_json(path, {"x": [value] * 5000})
    stop.set()
    reader.join()
    assert set(seen) == {5000}


def test_a_link_that_waits_where_a_file_will_be_written_is_not_followed(tmp_path):
    (tmp_path / "thesis.tex").write_text("ten years")
    for name in ("a.json", f".a.json.{os.getpid()}.tmp"):
        (tmp_path / name).symlink_to(tmp_path / "thesis.tex")
    write_json(tmp_path / "a.json", {"x": 1})
    assert (tmp_path / "thesis.tex").read_text() == "ten years"
    assert not (tmp_path / "a.json").is_symlink()
