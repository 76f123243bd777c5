"""Addresses of job interfaces: what is given to ``--address``."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from raysearch.access import TOKEN_PATH
from raysearch.errors import InputError

LOCAL = "local"
_SCHEMES = ("http", "https")


def url_of(address: str) -> str:
    """The URL of a cluster's job interface.

    Raises:
        InputError: if it is none, or holds a password, which anybody could read in the list of
            processes.

    Example:
        >>> url_of("http://127.0.0.1:8265/")
        'http://127.0.0.1:8265'
    """
    try:
        parts = urlsplit(address)
        named = parts.scheme in _SCHEMES and parts.hostname and parts.port != 0
    except ValueError:
        named = False
    if not named or parts.query or parts.fragment:
        raise InputError(
            f"the --address of jobs must be local, in-process or a URL such as "
            f"http://127.0.0.1:8265, but got {address!r}."
        )
    if "@" in parts.netloc:
        raise InputError(f"an address must hold no password; put a token into {TOKEN_PATH}.")
    return address.rstrip("/")


def is_loopback(url: str) -> bool:
    """Whether the URL is of this very machine, which is also where a tunnel begins.

    Example:
        >>> is_loopback("http://[::1]:8265"), is_loopback("http://cluster:8265")
        (True, False)
    """
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
