"""Whom a token is sent to, and what is said of who does not answer as a head would."""

import socket

import pytest
from fake_head import FakeHead, listening

from raysearch.errors import InputError
from raysearch.service.address import is_loopback, url_of
from raysearch.service.ping import check_version, ray_version


def test_the_version_is_asked_for_with_the_token(head):
    head.token = "secret"
    assert ray_version(head.url, "secret") == head.version
    check_version(head.url, "secret")
    assert head.requests[0][2]["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("given", "message"),
    [(None, "wants a token, .*RAY_AUTH_TOKEN_PATH"), ("wrong", "refused the token; set RAY_AUTH")],
)
def test_a_token_that_is_missing_or_refused_is_named_and_not_shown(given, message, head):
    head.token = "secret"
    with pytest.raises(InputError, match=message) as refused:
        ray_version(head.url, given)
    assert "secret" not in str(refused.value)
    assert "wrong" not in str(refused.value)


def test_both_versions_are_named_if_they_differ(head):
    ours, head.version = head.version, "2.9.9"
    with pytest.raises(InputError, match=f"has 2.9.9 and this Python has {ours}"):
        check_version(head.url, None)


@pytest.mark.parametrize(
    "answer", [(404, "no"), (500, "no"), (200, "hello"), (200, [1]), (200, {})]
)
def test_another_server_is_no_head(answer, head):
    head.answers["/api/version"] = answer
    with pytest.raises(InputError, match="must be of a Ray head's dashboard"):
        ray_version(head.url, None)


def test_a_redirection_is_not_followed_with_the_token(head):
    elsewhere = FakeHead()
    with listening(elsewhere) as url:
        head.answers["/api/version"] = (302, f"{url}/api/version")
        with pytest.raises(InputError, match="must be of a Ray head's dashboard"):
            ray_version(head.url, "secret")
    assert elsewhere.requests == []


def test_a_proxy_gets_no_token_for_this_machine(head, monkeypatch):
    proxy = FakeHead()
    with listening(proxy) as url:
        monkeypatch.setenv("http_proxy", url)
        ray_version(head.url, "secret")
    assert proxy.requests == []


def test_an_address_with_nobody_is_an_error():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(InputError, match=f"must answer at the address, but {url} does not"):
            ray_version(url, None)


def test_who_never_answers_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(InputError, match=r"does not .*timed out"):
            ray_version(url, None, timeout_s=0.2)


@pytest.mark.parametrize(
    "address",
    [
        "localhost:8265",
        "auto",
        "ray://head:10001",
        "http://",
        "http://h:x",
        "http://h?a=b",
        "ftp://h",
    ],
)
def test_what_is_no_address_of_jobs_is_refused(address):
    with pytest.raises(InputError, match="must be local, in-process or a URL"):
        url_of(address)


def test_a_password_in_an_address_is_refused_and_not_shown():
    with pytest.raises(InputError, match="must hold no password") as refused:
        url_of("https://me:secret@cluster:8265")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        *(("http://10.0.0.1:8265", False), ("https://cluster", False)),
        *(("http://localhost.evil.de", False), ("http://127.0.0.1:8265", True)),
        *(("http://localhost:1", True), ("http://[::1]", True)),
    ],
)
def test_this_machine_is_told_from_others(url, here):
    assert is_loopback(url) is here
