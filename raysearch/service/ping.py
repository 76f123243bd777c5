"""Ask a job interface who it is, before anything is sent to it. No Ray."""

from __future__ import annotations

import json
from importlib import metadata

from raysearch.access import TOKEN_PATH
from raysearch.errors import InputError
from raysearch.service.wire import Answer, ask

_TIMEOUT_S = 10.0
_DONE, _MISSING, _REFUSED = 200, 401, 403


def ray_version(url: str, token: str | None, timeout_s: float = _TIMEOUT_S) -> str:
    """The version of Ray on the cluster.

    Raises:
        InputError: if nobody answers at the URL, it is no Ray head, or the token is missing or
            refused.
    """
    answer = ask(f"{url}/api/version", token, timeout_s=timeout_s)
    check_admitted(url, answer)
    try:
        if answer.status != _DONE:
            raise ValueError(answer.status)
        return str(json.loads(answer.body)["ray_version"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"the address must be of a Ray head's dashboard, but {url} is of another."
        ) from error


def check_version(url: str, token: str | None) -> None:
    """Raise InputError if a cluster does not answer or runs another version of Ray than this."""
    theirs, ours = ray_version(url, token), metadata.version("ray")
    if theirs != ours:
        raise InputError(
            f"client and cluster must have the same version of Ray, but {url} has {theirs} and "
            f"this Python has {ours}; install ray=={theirs} here or ray=={ours} there."
        )


def check_admitted(url: str, answer: Answer) -> None:
    """Raise InputError if an answer says that the token is missing or refused."""
    if answer.status == _MISSING:
        raise InputError(
            f"{url} wants a token, but there is none; set {TOKEN_PATH} to a file that holds it."
        )
    if answer.status == _REFUSED:
        raise InputError(
            f"{url} refused the token; set {TOKEN_PATH} to a file with the cluster's own."
        )
