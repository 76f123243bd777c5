"""A fetched study: whole, inside its directory, and never in the place of something else."""

import base64
import hashlib
import io
import os
import zipfile

import pytest

from raysearch.errors import InputError
from raysearch.service import archive, study_files
from raysearch.service.archive import packed, unpack
from raysearch.service.study_files import copy_study, files_of


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


@pytest.mark.parametrize(
    "name", ["../outside", "/tmp/outside", "a/../../outside", "a\\..\\outside", link("a")]
)
def test_a_crafted_archive_writes_nothing_outside(name, tmp_path):
    with pytest.raises(InputError, match="must lie in its study's directory"):
        unpack(lines(("study.json", "{}"), (name, "x")), tmp_path / "to")
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_BYTES", 99)
    with pytest.raises(InputError, match="not unpack to more than 99 bytes"):
        unpack(lines(("study.json", "0" * 100)), tmp_path / "to")


def test_an_archive_that_was_cut_or_changed_is_refused(study, tmp_path):
    whole = packed(study)
    body = whole.splitlines(keepends=True)
    for text in ("", whole[:-9], "".join(body[:3] + body[4:]), whole.replace("ends ", "ends 0")):
        with pytest.raises(InputError, match="must be whole"):
            unpack(text, tmp_path / "to")
    assert not (tmp_path / "to").exists()
