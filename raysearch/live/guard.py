"""Who may see the page: requests that are meant for it, of people who know its key.

On the loopback only processes of this machine get here; a page of a stranger in a browser on this
machine could still ask, under a name of its own that it lets point to 127.0.0.1 (DNS rebinding),
so that the name in the request must be one of ours.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aiohttp import web

from raysearch.errors import InputError

COOKIE = "raysearch_key"
METHODS = ("GET", "HEAD")
_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST = re.compile(
    r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::\d{1,5})?", re.IGNORECASE | re.ASCII
)
_EVERYWHERE = ("0.0.0.0", "::")


class Refusal(NamedTuple):
    """Why a request is not answered.

    Attributes:
        status: of HTTP.
        reason: in words.
    """

    status: int
    reason: str


@dataclass(frozen=True)
class Guard:
    """Looks at requests before anything is done for them.

    Attributes:
        names: that the page may be asked for by, in lower case.
        any_address: whether any number of an address will do, as where all are listened on.
        key: that has to be known; None on the loopback.
    """

    names: frozenset[str]
    any_address: bool = False
    key: str | None = None

    def refusal(self, request: web.BaseRequest) -> Refusal | None:
        """Why the request is refused whoever sent it, or None."""
        if request.method not in METHODS:
            return Refusal(405, "This page can only be looked at: GET and HEAD.")
        if request.body_exists:
            return Refusal(413, "This page takes no content.")
        if not self._knows(request.headers.getall("Host", [])):
            return Refusal(403, "The request must name the host that this page is served from.")
        return None

    def is_open_to(self, request: web.BaseRequest) -> bool:
        """Whether the request brings the key, or none is needed."""
        return self.key is None or self.is_key(request.cookies.get(COOKIE, ""))

    def is_key(self, given: str) -> bool:
        """Whether this is the key."""
        # What is no text arrives as halves of surrogate pairs.
        sent = given.encode(errors="surrogatepass")
        return self.key is not None and hmac.compare_digest(sent, self.key.encode())

    def _knows(self, hosts: Sequence[str]) -> bool:
        found = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if found is None:
            return False
        name = found[1].lower()
        return name in self.names or (self.any_address and _is_address(name))


def guard_of(host: str) -> Guard:
    """The guard of a page that listens on a host.

    Args:
        host: name or address.

    Raises:
        InputError: if it is none.
    """
    own = f"[{host}]" if ":" in host else host
    if not _HOST.fullmatch(own):
        raise InputError(f"--host must be a name or an address, but got {host!r}.")
    if own.lower() in _LOCAL:
        return Guard(_LOCAL)
    names = _LOCAL | {own.lower()}
    return Guard(names, host in _EVERYWHERE, secrets.token_urlsafe(24))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
