"""What paths mean where a job runs."""

from pathlib import Path

import pytest

from raysearch.commands.parse import parse
from raysearch.errors import InputError
from raysearch.service.place import placed_here, placed_there, read_files, study_of


@pytest.fixture
def work(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "events.h5").write_text("")
    (tmp_path / "outside.h5").write_text("")
    return tmp_path / "work"


def test_here_paths_become_absolute_and_must_exist(work):
    command = placed_here(parse(["search", "events.h5", "--out", "first"]), work)
    assert command.paths == {"events": str(work / "events.h5"), "out": str(work / "first")}
    assert study_of(command) == str(work / "first")
    with pytest.raises(InputError, match=f"--template must exist, but {work}/t.h5 does not"):
        placed_here(parse(["search", "events.h5", "--template", "t.h5"]), work)


@pytest.mark.parametrize("command", ["search", "scan"])
def test_here_a_study_without_a_directory_gets_a_new_one(command, work):
    assert study_of(placed_here(parse([command]), work)).startswith(f"{work}/studies/{command}-")


def test_there_absolute_paths_are_the_clusters_and_others_are_uploaded(work):
    words = ["search", "events.h5", "--template", "/mnt/t.h5", "--out", "/mnt/first"]
    command = placed_there(parse(words), work, work)
    assert command.paths == {
        **{"events": "events.h5", "template": "/mnt/t.h5", "out": "/mnt/first"}
    }
    assert read_files(command, work) == [work / "events.h5"]
    above = placed_there(parse(words), work, work.parent)
    assert above.paths["events"] == "work/events.h5"


def test_a_uri_is_there_from_everywhere(work):
    placed = placed_there(parse(["search", "/mnt/e.h5", "--out", "s3://bucket/o"]), work, None)
    assert placed.paths["out"] == "s3://bucket/o"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("search", "needs --out: an absolute path .* or a URI"),
        ("search --out first", "--out of a job on a cluster must be an absolute path.*got first"),
        ("resume studies/first", "DIRECTORY of a job on a cluster must be an absolute path"),
        ("search absent.h5 --out /mnt/a", "EVENTS of a job .*file in --working-dir.*got absent.h5"),
        ("search ../outside.h5 --out /mnt/a", r"EVENTS of a job .* got \.\./outside.h5"),
        ("search --test link.h5 --out /mnt/a", "--test of a job .* got link.h5"),
    ],
)
def test_there_a_path_that_will_not_be_there_is_refused(words, message, work):
    (work / "link.h5").symlink_to(work.parent / "outside.h5")
    with pytest.raises(InputError, match=message):
        placed_there(parse(words.split()), work, work)


def test_there_nothing_is_uploaded_unasked(work):
    with pytest.raises(InputError, match="file in --working-dir"):
        placed_there(parse(["search", "events.h5", "--out", "/mnt/a"]), work, None)


def test_a_command_that_is_about_no_study_gets_a_name(work):
    assert Path(study_of(placed_here(parse(["benchmark"]), work))).name
