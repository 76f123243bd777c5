import pytest


@pytest.fixture(autouse=True)
def no_token(monkeypatch, tmp_path):
    """No token of the developer's, no address of a cluster, no head of a user: none is touched."""
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def head():
    """A pretended job interface; `head.url` is where it listens."""
    from fake_head import FakeHead, listening

    made = FakeHead()
    with listening(made) as made.url:
        yield made
