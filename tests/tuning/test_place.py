"""Where a history may be kept, and what must not be written into a study."""

import pytest

from raysearch.errors import InputError
from raysearch.tuning import place as module
from raysearch.tuning.place import Place, place


@pytest.mark.parametrize("where", ["sqlite", "journal"])
def test_a_file_lies_in_the_directory_of_its_study(where):
    assert place(where) == Place(where, "raysearch")
    assert not place(where).is_server


def test_each_study_on_a_server_has_a_name_of_its_own(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: name)
    url = "postgresql://me@host:5432/studies?sslmode=require"
    one, two = place(url), place(url)
    assert one.is_server
    assert one.where == two.where == url
    assert one.study != two.study


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@host/studies",
        "postgresql://me:@host/studies",
        "postgresql://host/studies?user=me&password=secret",
        "postgresql://host/studies?sslpassword=secret",
    ],
)
def test_a_password_is_refused_and_not_repeated(url):
    with pytest.raises(InputError, match=r"must not hold a password.*~/\.pgpass") as told:
        Place(url)
    assert "secret" not in str(told.value)


def test_an_unknown_place_is_refused():
    with pytest.raises(InputError, match="journal"):
        Place("jurnal")


def test_what_cannot_be_split_is_refused():
    with pytest.raises(InputError, match="must be a URL"):
        Place("postgresql://[::1/studies")


def test_a_server_needs_its_driver(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs psycopg.*raysearch\[postgresql\]"):
        place("postgresql://host/studies")
