"""A journal that is read while it is written, or that nobody's raysearch wrote."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_studies import Driver, complete, failed

from raysearch.live import journal
from raysearch.live.feed import Unreadable
from raysearch.live.journal import JournalFeed
from raysearch.tuning.place import JOURNAL_FILE, place


@pytest.fixture
def path(tmp_path):
    with Driver(tmp_path, trials=6, place=place("journal")) as driver:
        driver.run(complete(0.1), failed(), complete(0.3))
        driver.begin()
    return tmp_path / JOURNAL_FILE


def ends(feed):
    return [trial.number for trial in feed.news().ended]


def test_before_the_file_exists_there_are_no_news(tmp_path):
    assert JournalFeed(tmp_path / JOURNAL_FILE).news() is None


def test_however_it_is_cut_each_end_is_told_once(path, tmp_path):
    whole, growing = path.read_bytes(), tmp_path / "growing"
    for step in (1, 97, 1000, len(whole)):
        growing.write_bytes(b"")
        feed, found = JournalFeed(growing), []
        for at in range(0, len(whole), step):
            with growing.open("ab") as file:
                file.write(whole[at : at + step])
            if step > 1 or at % 53 == 0 or at > len(whole) - 3:
                found += ends(feed)
        assert found == [0, 1, 2]
        assert feed.news().n_running == 1


def test_a_last_line_that_was_cut_off_and_written_anew_is_told_once(path):
    whole = path.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    feed = JournalFeed(path)
    path.write_bytes(whole[: last + 9])
    assert ends(feed) == [0, 1, 2]
    path.write_bytes(whole[:last] + whole[last:] + b'{"op_code":8,"trial_id":3,"user_attr":{}}\n')
    assert ends(feed) == []


def test_another_file_in_its_place_starts_anew(path, tmp_path_factory):
    feed = JournalFeed(path)
    feed.news()
    with Driver(tmp_path_factory.mktemp("other"), trials=6, place=place("journal")) as other:
        other.run(*[failed()] * 5)
    # Written over, so that it is the same file by its number, and longer.
    path.write_bytes((other.directory / JOURNAL_FILE).read_bytes())
    news = feed.news()
    assert news.starts_anew
    assert [trial.record["state"] for trial in news.ended] == ["FAIL"] * 5


def test_a_long_file_is_read_in_parts(path, monkeypatch):
    monkeypatch.setattr(journal, "MOST_BYTES", 2_000)
    feed, found = JournalFeed(path), []
    for _ in range(path.stat().st_size // 1_000):
        found += ends(feed)
    assert found == [0, 1, 2]


def test_a_line_without_end_is_given_up(path, monkeypatch):
    monkeypatch.setattr(journal, "MOST_BYTES", 2_000)
    path.write_bytes(b"x" * 5_000)
    with pytest.raises(Unreadable, match="a line is longer than"):
        JournalFeed(path).news()


def test_a_file_that_is_too_large_is_given_up(path, monkeypatch):
    monkeypatch.setattr(journal, "_MOST_IN_ALL", 1_000)
    with pytest.raises(Unreadable, match="is larger than"):
        JournalFeed(path).news()


def test_what_is_no_file_is_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / JOURNAL_FILE)
    assert JournalFeed(tmp_path / JOURNAL_FILE).news() is None
    (tmp_path / "link").symlink_to("/dev/zero")
    assert JournalFeed(tmp_path / "link").news() is None


def read_twice(path):
    """Read it as a page does; nothing but `Unreadable` may come of it."""
    feed = JournalFeed(path)
    for _ in range(2):
        try:
            news = feed.news()
        except Unreadable:
            continue
        for trial in (*news.ended, *news.running):
            assert json.dumps(feed.parameters(trial.number))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
NAMES = ["op_code", "trial_id", "state", "values", "user_attr", "param_name"]
NAMES += ["param_value_internal", "distribution", "datetime_start", "datetime_complete"]
ODD = st.dictionaries(st.sampled_from(NAMES), st.integers(-1, 8) | JSON)


@given(st.lists(ODD, max_size=8))
def test_whatever_its_lines_say_there_is_a_sentence_at_most(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("odd") / JOURNAL_FILE
    begun = [{"op_code": 4, "study_id": 0}] * 9
    path.write_text("".join(f"{json.dumps(line)}\n" for line in [*begun, *lines]))
    read_twice(path)


BYTES = [
    b"\n",
    b"{\n",
    b"[]\n",
    b"7\n",
    b"[" * 100_000 + b"\n",
    b"\x80\xff\n",
    b"9" * 5_000 + b"\n",
]


@pytest.mark.parametrize("contents", BYTES, ids=range(len(BYTES)))
def test_what_is_no_journal_is_said_to_be_none(path, contents):
    feed = JournalFeed(path)
    feed.news()
    with path.open("ab") as file:
        file.write(contents)
    feed.news()
    with pytest.raises(Unreadable, match="holds no trials of a study"):
        feed.news()
