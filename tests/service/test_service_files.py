"""A fetched study: whole, inside its directory, and never in the place of something else."""

import base64
import errno
import hashlib
import io
import os
import sqlite3
import tracemalloc
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from raysearch import study_files
from raysearch.directories import locked
from raysearch.errors import InputError
from raysearch.service import archive
from raysearch.service.archive import packed, unpack
from raysearch.service.fetched import copy_study
from raysearch.study_files import files_of


@pytest.fixture
def study(tmp_path):
    directory = tmp_path / "study"
    (directory / "figures").mkdir(parents=True)
    (directory / "inputs").mkdir()
    (directory / "study.json").write_text("{}")
    (directory / "figures" / "sic.png").write_bytes(os.urandom(5000))
    (directory / "inputs" / "events.h5").write_bytes(b"large")
    (directory / ".lock").write_text("")
    (tmp_path / "secret").write_text("secret")
    (directory / "link").symlink_to(tmp_path / "secret")
    (directory / "folder").symlink_to(tmp_path)
    return directory


def names(directory):
    return sorted(p.relative_to(directory).as_posix() for p in directory.rglob("*") if p.is_file())


def copied(study, to):
    return copy_study(study, to)


def sent(study, to):
    return unpack(f"Running ...\n{packed(study)}a last line\n", to)


@pytest.mark.parametrize("bring", [copied, sent])
class TestFetching:
    def test_files_come_without_links_locks_and_inputs(self, bring, study, tmp_path):
        to = bring(study, tmp_path / "to" / "there")
        assert names(to) == [".fetched", "figures/sic.png", "study.json"]
        assert (to / "figures/sic.png").read_bytes() == (study / "figures/sic.png").read_bytes()

    def test_what_was_fetched_before_is_replaced(self, bring, study, tmp_path):
        to = bring(study, tmp_path / "to")
        (study / "figures" / "sic.png").unlink()
        (study / "study.json").write_text('{"a": 1}')
        assert names(bring(study, to)) == [".fetched", "study.json"]
        assert (to / "study.json").read_text() == '{"a": 1}'

    def test_other_files_are_never_replaced(self, bring, study, tmp_path):
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.tex").write_text("years")
        for to in (tmp_path / "mine", tmp_path / "mine" / "thesis.tex"):
            with pytest.raises(InputError, match="--to must be"):
                bring(study, to)
        assert (tmp_path / "mine" / "thesis.tex").read_text() == "years"

    def test_work_that_was_done_in_a_fetched_study_is_never_replaced(self, bring, study, tmp_path):
        to = bring(study, tmp_path / "to")
        (to / "study.json").write_text('{"resumed": 1}')
        (to / "new.txt").write_text("mine")
        with pytest.raises(InputError, match=r"in .*to new\.txt, study\.json changed since"):
            bring(study, to)
        assert (to / "new.txt").read_text() == "mine"

    def test_a_fetched_study_that_runs_is_not_replaced(self, bring, study, tmp_path):
        to = bring(study, tmp_path / "to")
        with locked(to), pytest.raises(InputError, match="is running already"):
            bring(study, to)
        assert (to / "study.json").is_file()

    def test_nothing_is_lost_if_the_new_one_cannot_take_its_place(
        self, bring, study, tmp_path, monkeypatch
    ):
        to, rename = bring(study, tmp_path / "to"), Path.rename

        def fails(path, target):
            if path.name == "new":
                raise OSError("no space left")
            return rename(path, target)

        monkeypatch.setattr(Path, "rename", fails)
        with pytest.raises((OSError, InputError), match="no space left"):
            bring(study, to)
        assert (to / "figures" / "sic.png").is_file()

    def test_the_current_directory_is_not_replaced(self, bring, study, tmp_path, monkeypatch):
        (tmp_path / "here" / "deeper").mkdir(parents=True)
        monkeypatch.chdir(tmp_path / "here" / "deeper")
        for to in (".", "..", tmp_path / "here"):
            with pytest.raises(InputError, match="must not be the directory that you are in"):
                bring(study, Path(to))

    def test_a_study_that_runs_comes_as_it_is_between_two_writes(self, bring, study, tmp_path):
        """Its database is amid a transaction, and a file vanishes."""
        database = sqlite3.connect(study / "optuna.db", isolation_level=None)
        database.execute("create table trials (number)")
        database.execute("insert into trials values (1)")
        database.execute("begin")
        database.execute("insert into trials values (2)")
        os.utime(study / "study.json", (0, 0))
        to = bring(study, tmp_path / "to")
        database.execute("commit")
        database.close()
        assert names(to) == [".fetched", "figures/sic.png", "optuna.db", "study.json"]
        with closing(sqlite3.connect(to / "optuna.db")) as copy:
            assert copy.execute("select number from trials").fetchall() == [(1,)]

    def test_a_file_that_vanishes_is_left_out(self, bring, study, tmp_path, monkeypatch):
        found = [Path("study.json"), Path("detector/gone.json")]
        monkeypatch.setattr(study_files, "regular_files", lambda directory: iter(found))
        assert names(bring(study, tmp_path / "to")) == [".fetched", "study.json"]

    def test_a_disk_without_room_is_said_to_be_one(self, bring, study, tmp_path, monkeypatch):
        def full(path, contents):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("raysearch.service.fetched.write_json", full)
        with pytest.raises(InputError, match=f"^{tmp_path} must be on a disk .*; make room there"):
            bring(study, tmp_path / "to")
        assert not (tmp_path / "to").exists()

    def test_a_directory_of_something_else_is_not_sent(self, bring, tmp_path):
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc" / "passwd").write_text("")
        with pytest.raises(InputError, match=r"must hold one of study\.json"):
            bring(tmp_path / "etc", tmp_path / "to")


def test_a_study_that_is_too_large_is_refused_with_what_is_large(study, monkeypatch):
    monkeypatch.setattr(study_files, "MOST_BYTES", 4000)
    with pytest.raises(InputError, match=r"largest: figures/sic.png \(0.0 MiB\), study.json"):
        files_of(study)


def test_a_study_stays_where_it_is_if_it_is_asked_for_there(study):
    before = names(study)
    assert copy_study(study, study) == study
    assert names(study) == before


def lines(*entries):
    """A log with an archive of these (name, contents)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, contents in entries:
            made.writestr(name, contents)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    text = base64.encodebytes(buffer.getvalue()).decode()
    return f"raysearch archive begins\n{text}raysearch archive ends {digest}\n"


def link(name):
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o120777 << 16
    return entry


NESTED = [".", "a/", "a\x1b[2J", "x" * 300, "a/" * 3000 + "b"]


@pytest.mark.parametrize("name", NESTED)
def test_a_name_that_is_no_file_is_a_sentence(name, tmp_path):
    with pytest.raises(InputError, match="is not to be trusted"):
        unpack(lines(("study.json", "{}"), (name, "")), tmp_path / "to")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("entries", [("a", "a"), ("a", "a/b"), ("a/b", "a")])
def test_files_that_exclude_each_other_are_a_sentence(entries, tmp_path):
    with pytest.raises(InputError, match="not to be trusted"):
        unpack(lines(*((name, "x") for name in entries)), tmp_path / "to")
    assert list(tmp_path.iterdir()) == []


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_FILES", 2)
    with pytest.raises(InputError, match="in 2 files"):
        unpack(lines(("a", ""), ("b", ""), ("c", "")), tmp_path / "to")


@pytest.mark.parametrize("offset", [4, 8, 10, 30])
def test_what_is_no_archive_or_of_another_kind_is_a_sentence(offset, tmp_path):
    """Bytes of its headers are changed: version, encryption, method, sizes."""
    text = lines(("study.json", "{}" * 99))
    contents = bytearray(base64.b64decode(text.split("begins")[1].split("raysearch")[0]))
    central = contents.rindex(b"PK\x01\x02")
    for start in (0, central):
        contents[start + offset : start + offset + 4] = b"\xff\xff\xff\xff"
    digest = hashlib.sha256(contents).hexdigest()
    body = base64.encodebytes(bytes(contents)).decode()
    changed = f"raysearch archive begins\n{body}raysearch archive ends {digest}\n"
    with pytest.raises(InputError, match=r"must unpack to files|not unpack to more|must lie in"):
        unpack(changed, tmp_path / "to")


def test_text_that_is_no_base64_is_a_sentence(tmp_path):
    text = f"raysearch archive begins\nabcde\nraysearch archive ends {'0' * 64}\n"
    with pytest.raises(InputError, match="must be whole"):
        unpack(text, tmp_path / "to")


@pytest.mark.parametrize(
    "name", ["../outside", "/tmp/outside", "a/../../outside", "a\\..\\outside", link("a")]
)
def test_a_crafted_archive_writes_nothing_outside(name, tmp_path):
    with pytest.raises(InputError, match=r"must lie in its study.s directory|must be no link"):
        unpack(lines(("study.json", "{}"), (name, "x")), tmp_path / "to")
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_BYTES", 99)
    with pytest.raises(InputError, match="not unpack to more than 99 bytes"):
        unpack(lines(("study.json", "0" * 100)), tmp_path / "to")


def test_an_archive_whose_directory_lies_takes_no_memory(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("study.json", bytes(128 * 2**20))
        made.filelist[0].file_size = 10
    body = base64.encodebytes(buffer.getvalue()).decode()
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    tracemalloc.start()
    with pytest.raises(InputError, match="must unpack to files"):
        unpack(
            f"raysearch archive begins\n{body}raysearch archive ends {digest}\n", tmp_path / "to"
        )
    assert tracemalloc.get_traced_memory()[1] < 32 * 2**20
    tracemalloc.stop()


def test_an_archive_that_was_cut_or_changed_is_refused(study, tmp_path):
    whole = packed(study)
    body = whole.splitlines(keepends=True)
    for text in ("", whole[:-9], "".join(body[:3] + body[4:]), whole.replace("ends ", "ends 0")):
        with pytest.raises(InputError, match="must be whole"):
            unpack(text, tmp_path / "to")
    assert not (tmp_path / "to").exists()
