"""Which token goes where."""

import os

import pytest

from raysearch.access import default_token_path, make_token, read_token
from raysearch.errors import InputError
from raysearch.service import credentials
from raysearch.service.credentials import CLEAR_TEXT, check_way, token_for
from raysearch.service.places import executor

HERE, THERE = "http://127.0.0.1:8265", "https://cluster:8265"


@pytest.fixture
def default():
    """The token of the user's own clusters."""
    return read_token(make_token(default_token_path()))


@pytest.fixture
def listening_users(monkeypatch):
    """Says whose programs listen at the port."""

    def of(users):
        monkeypatch.setattr(credentials, "listeners", lambda port: users)

    return of


@pytest.mark.parametrize("users", [{os.getuid()}, {0}, {0, os.getuid()}, set(), None])
def test_the_default_token_is_for_programs_of_this_machine(users, default, listening_users):
    listening_users(users)
    assert token_for(HERE) == default


@pytest.mark.parametrize("users", [{os.getuid() + 1}, {os.getuid(), os.getuid() + 1}])
def test_it_is_not_shown_to_another_user(users, default, listening_users):
    listening_users(users)
    assert token_for(HERE) is None


@pytest.mark.usefixtures("default")
def test_it_is_shown_to_no_other_machine():
    assert token_for(THERE) is None
    with pytest.raises(InputError, match="must be used with a token"):
        executor(THERE)


def test_a_token_that_is_named_goes_where_it_is_used(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "named")
    assert token_for(HERE) == token_for(THERE) == "named"


@pytest.mark.parametrize("url", ["http://10.0.0.1:8265", THERE, "http://localhost.evil.de"])
def test_another_machine_needs_a_token(url):
    with pytest.raises(InputError, match=r"set RAY_AUTH_TOKEN_PATH to a file .*get-auth-token"):
        check_way(url, None)


def test_a_token_does_not_travel_in_clear_text_unless_it_is_allowed(monkeypatch):
    check_way(THERE, "secret")
    with pytest.raises(InputError, match=r"in clear text, .*ssh -L.*RAYSEARCH_CLEAR_TEXT=allowed"):
        check_way("http://10.0.0.1:8265", "secret")
    monkeypatch.setenv(CLEAR_TEXT, "allowed")
    check_way("http://10.0.0.1:8265", "secret")


@pytest.mark.parametrize("url", [HERE, "http://localhost:1", "http://[::1]"])
def test_a_tunnel_may_lead_to_a_cluster_without_one(url):
    check_way(url, None)
