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
        # For Python its user is "me", and the rest an option; for libpq it is not.
        "postgresql://me?x:secret@host/studies",
        "postgresql://me%3Fx:secret@host/studies",
        "postgresql://[::1]?x:secret@host/studies",
        "postgresql://me%3Asecret@host/studies",
        "postgresql://me:\nsecret@host/studies",
        # "secret" with a "/" or an "@" in it, as it was meant.
        "postgresql://me:1/secret@host/studies",
        "postgresql://me:1@secret@host/studies",
        "postgresql://me@host:secret@other/studies",
        "postgresql://host/studies?pass%77ord=secret",
        "postgresql://host/studies?PASSWORD=secret",
        "postgresql://host/studies?sslmode=require;password=secret",
        "postgresql://host/studies?sslmode=require&oauth_client_secret=secret",
        "postgresql://host/studies?scram_client_key=secret",
        "postgresql://host/studies?anything=secret",
        "postgresql://host/studies?secret",
        "postgresql://host/password=secret",
        "postgresql://host/studies?options=-c%20x.password%20%3Dsecret",
        "postgresql://host/?dbname=postgresql%3A%2F%2Fme%3Asecret%40host",
    ],
)
def test_a_password_is_refused_and_not_repeated(url):
    with pytest.raises(InputError, match=r"must not hold a password.*~/\.pgpass") as told:
        Place(url)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("options", ["passfile=/etc/passwd", "password=secret", ""])
def test_what_only_libpq_would_see_is_refused(options):
    with pytest.raises(InputError, match=r"must hold no '#'.*%23") as told:
        Place(f"postgresql://me@host/studies#?{options}")
    assert "secret" not in str(told.value)


def test_a_password_that_only_libpq_finds_is_refused_where_it_connects():
    session = pytest.importorskip("raysearch.tuning.postgresql")
    url = "postgresql://me?x:secret@127.0.0.1:1/studies"
    with pytest.raises(InputError, match="must not hold a password") as told:
        session.PostgreSQL(url)
    assert "secret" not in str(told.value)


def test_what_libpq_does_not_take_is_refused_where_it_connects():
    session = pytest.importorskip("raysearch.tuning.postgresql")
    with pytest.raises(InputError, match=r"must be a URL that PostgreSQL takes.*\"nonsense\""):
        session.PostgreSQL("postgresql://me@host/studies?nonsense=1")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://",
        "postgresql:///studies",
        "postgresql://me@[::1]:5432/studies",
        "postgresql://me@one:5432,two:5433/studies?target_session_attrs=read-write",
        "postgresql://me@/studies?host=/run/postgresql&port=5433",
        "postgresql://%2Frun%2Fpostgresql/studies",
        "postgresql://host/password_tests?user=me%40home&host=@abstract",
        "postgresql://host/?service=lab&passfile=/home/me/pass&sslkey=/home/me/key",
    ],
)
def test_what_holds_none_is_taken_as_it_is(url):
    assert Place(url).where == url


@pytest.mark.parametrize(
    "where",
    [
        "postgres://me:secret@host/studies",
        "POSTGRESQL://me:secret@host/studies",
        "postgresql+psycopg://me:secret@host/studies",
        "host=db password=secret",
    ],
)
def test_what_is_no_place_but_may_hold_a_password_is_not_repeated(where):
    with pytest.raises(InputError, match="must be sqlite, journal or postgresql://") as told:
        Place(where)
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
