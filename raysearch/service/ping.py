"""Ask a job interface who it is, before anything is sent to it. No Ray."""

from __future__ import annotations

import http.client
import json
import urllib.request
from importlib import metadata
from typing import IO
from urllib.error import HTTPError, URLError

from raysearch.access import TOKEN_PATH
from raysearch.errors import InputError
from raysearch.service.address import is_loopback

_TIMEOUT_S = 10.0
_MISSING, _REFUSED = 401, 403


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


def headers(token: str | None) -> dict[str, str]:
    """The HTTP headers that show a token."""
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def ray_version(url: str, token: str | None, timeout_s: float = _TIMEOUT_S) -> str:
    """The version of Ray on the cluster.

    Raises:
        InputError: if nobody answers at the URL, it is no Ray head, or the token is missing or
            refused.
    """
    request = urllib.request.Request(f"{url}/api/version", headers=headers(token))
    # A proxy is no place for a token, nor does it know the way to this machine.
    proxies = [urllib.request.ProxyHandler({})] if is_loopback(url) else []
    try:
        with urllib.request.build_opener(_NoRedirect, *proxies).open(
            request, timeout=timeout_s
        ) as answer:
            return str(json.load(answer)["ray_version"])
    except HTTPError as error:
        with error:
            raise _refusal(url, error.code) from error
    except (URLError, OSError, http.client.HTTPException) as error:
        raise InputError(
            f"a Ray head must answer at the address, but {url} does not ({_reason(error)}); its "
            "dashboard, port 8265 unless told otherwise, takes jobs."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise _no_head(url) from error


def check_version(url: str, token: str | None) -> None:
    """Raise InputError if a cluster does not answer or runs another version of Ray than this."""
    theirs, ours = ray_version(url, token), metadata.version("ray")
    if theirs != ours:
        raise InputError(
            f"client and cluster must have the same version of Ray, but {url} has {theirs} and "
            f"this Python has {ours}; install ray=={theirs} here or ray=={ours} there."
        )


def _refusal(url: str, status: int) -> InputError:
    if status == _MISSING:
        return InputError(
            f"{url} wants a token, but there is none; set {TOKEN_PATH} to a file that holds it."
        )
    if status == _REFUSED:
        return InputError(
            f"{url} refused the token; set {TOKEN_PATH} to a file with the cluster's own."
        )
    return _no_head(url)


def _no_head(url: str) -> InputError:
    return InputError(f"the address must be of a Ray head's dashboard, but {url} is of another.")


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", error) or type(error).__name__)
