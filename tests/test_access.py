"""Tokens are their owner's alone, from the moment they exist."""

import stat

import pytest

from raysearch.access import (
    TOKEN,
    TOKEN_PATH,
    default_token,
    make_token,
    named_token,
    private_directory,
    read_token,
    renew_token,
)
from raysearch.errors import InputError


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (TOKEN, TOKEN_PATH):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_token_is_made_once_and_for_its_owner_alone(tmp_path):
    path = make_token(tmp_path / "new" / "token")
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert len(read_token(path)) == 64
    assert read_token(make_token(path)) == read_token(path)
    assert read_token(make_token(tmp_path / "other")) != read_token(path)
    assert [each.name for each in path.parent.iterdir()] == ["token"]


def test_a_new_token_takes_the_place_of_the_old(tmp_path):
    old = read_token(renew_token(tmp_path / "token"))
    assert read_token(renew_token(tmp_path / "token")) != old
    assert mode(tmp_path / "token") == 0o600


def test_a_token_that_others_may_read_is_made_private(tmp_path):
    (tmp_path / "token").write_text("secret\n")
    (tmp_path / "token").chmod(0o644)
    assert mode(make_token(tmp_path / "token")) == 0o600
    assert read_token(tmp_path / "token") == "secret"


def test_a_token_that_cannot_be_made_is_an_error_with_its_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=f"must lie in a file of your own.*{TOKEN_PATH}"):
        make_token(tmp_path / "file" / "token")


def test_the_environment_holds_a_token_or_names_its_file(monkeypatch, home):
    assert named_token() is None
    (home / "named").write_text("named\n")
    (home / "named").chmod(0o600)
    monkeypatch.setenv(TOKEN_PATH, str(home / "named"))
    assert named_token() == "named"
    monkeypatch.setenv(TOKEN, "held")
    assert named_token() == "held"


def test_a_token_in_rays_own_place_is_made_private(home):
    assert default_token() is None
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text("default\n")
    assert default_token() == "default"
    assert mode(home / ".ray" / "auth_token") == 0o600


def test_a_named_token_file_must_exist_and_be_private(monkeypatch, tmp_path):
    monkeypatch.setenv(TOKEN_PATH, str(tmp_path / "token"))
    with pytest.raises(InputError, match=r"must be a file with a token, but .*token is none"):
        named_token()
    (tmp_path / "token").write_text("secret")
    (tmp_path / "token").chmod(0o640)
    with pytest.raises(InputError, match=r"others may read .*chmod 600") as refused:
        named_token()
    assert "secret" not in str(refused.value)


def test_a_private_directory_is_made_private(tmp_path):
    assert mode(private_directory(tmp_path / "a" / "b")) == 0o700
    assert private_directory(tmp_path / "a" / "b") == tmp_path / "a" / "b"


@pytest.mark.parametrize("kind", ["open", "link", "file"])
def test_what_somebody_else_may_have_put_there_is_refused(kind, tmp_path):
    path = tmp_path / "there"
    if kind == "open":
        path.mkdir()
        path.chmod(0o755)
    elif kind == "link":
        (tmp_path / "theirs").mkdir(mode=0o700)
        path.symlink_to(tmp_path / "theirs")
    else:
        path.write_text("")
    with pytest.raises(InputError, match="yours alone"):
        private_directory(path)
