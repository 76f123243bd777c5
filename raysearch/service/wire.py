"""Requests to a job interface: to it alone, and never for ever. No Ray.

Ray's own client would take seconds to import, wait without limit, and show the token to a proxy of
the environment.
"""

from __future__ import annotations

import http.client
import urllib.request
from typing import IO, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from raysearch.errors import InputError
from raysearch.service.address import is_loopback

TIMEOUT_S = 30.0


class Answer(NamedTuple):
    """What came back.

    Attributes:
        status: of HTTP.
        body: as it was sent.
    """

    status: int
    body: bytes


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: it could lead a token to another host."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> None:
        """None: stay here."""


def ask(
    url: str,
    token: str | None,
    *,
    method: str = "GET",
    body: bytes | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Answer:
    """Send a request.

    Args:
        url: whole, with its path.
        token: shown in a header; None for none.
        method: of HTTP.
        body: what is sent along.
        timeout_s: how long nothing at all may come back.

    Raises:
        InputError: if nobody answers there.
    """
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        with _opener(url).open(request, timeout=timeout_s) as found:
            return Answer(found.status, found.read())
    except HTTPError as error:
        with error:
            return Answer(error.code, error.read())
    except (URLError, OSError, http.client.HTTPException) as error:
        parts = urlsplit(url)
        raise InputError(
            f"a Ray head must answer at the address, but {parts.scheme}://{parts.netloc} does not "
            f"({_reason(error)}); its dashboard, port 8265 unless told otherwise, takes jobs."
        ) from error


def _opener(url: str) -> urllib.request.OpenerDirector:
    # A proxy reads what is not encrypted, and knows no way to this machine.
    direct = is_loopback(url) or urlsplit(url).scheme != "https"
    proxies = [urllib.request.ProxyHandler({})] if direct else []
    return urllib.request.build_opener(_NoRedirect, *proxies)


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", error) or type(error).__name__)
