"""Which token a job interface is shown, and by which way it may travel."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from raysearch.access import TOKEN_PATH, default_token, named_token
from raysearch.errors import InputError
from raysearch.service.address import is_loopback
from raysearch.service.listener import listeners

CLEAR_TEXT, _ALLOWED = "RAYSEARCH_CLEAR_TEXT", "allowed"
_ROOT = 0
_PORTS = {"http": 80, "https": 443}


def token_for(url: str) -> str | None:
    """The token to show there; None for none.

    One that the environment names is meant for whatever is named beside it. The one in Ray's own
    place opens this user's clusters: it stays on this machine, and is shown to a program of this
    user (a head, or the end of a tunnel) or of the system's only, not to whoever was faster to
    listen there.

    Args:
        url: of the job interface.

    Raises:
        InputError: if the environment names a file that is none, or that others may read.
    """
    named = named_token()
    if named is not None or not is_loopback(url):
        return named
    users = listeners(port_of(url))
    ours = users is None or users <= {os.getuid(), _ROOT}
    return default_token() if ours else None


def check_way(url: str, token: str | None) -> None:
    """Raise InputError if a job would leave this machine without a token, or readable by others."""
    if is_loopback(url):
        return
    if token is None:
        raise InputError(
            f"a cluster on another machine runs whatever it is sent, so {url} must be used with a "
            f"token: set {TOKEN_PATH} to a file that holds it (`ray get-auth-token --generate` "
            "makes one, RAY_AUTH_MODE=token switches it on where Ray is started)."
        )
    if urlsplit(url).scheme == "http" and os.environ.get(CLEAR_TEXT) != _ALLOWED:
        raise InputError(
            f"a token must not travel in clear text, but {url} is no https; use a tunnel (`ray "
            "dashboard cluster.yaml` or `ssh -L`) and http://127.0.0.1:PORT, or, in a network in "
            f"which nobody else can listen, set {CLEAR_TEXT}={_ALLOWED}."
        )


def port_of(url: str) -> int:
    """The port that a URL leads to.

    Example:
        >>> port_of("https://cluster"), port_of("http://cluster:8265")
        (443, 8265)
    """
    parts = urlsplit(url)
    return parts.port or _PORTS[parts.scheme]
