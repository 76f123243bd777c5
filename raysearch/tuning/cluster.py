"""Connect to a Ray cluster, or start one on this machine."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import ray

from raysearch.errors import InputError

T = TypeVar("T")

_CONNECT_TIMEOUT_S = 5.0
_DEFAULT_PORT = 6379


def check_address(address: str | None) -> None:
    """Fail early where nobody listens; Ray itself would retry for a long time.

    Args:
        address: ``host:port``, ``ray://host:port``, "auto", or None for this machine.

    Raises:
        InputError: if the address has no port, or nobody answers there.
    """
    if address is None or address in ("auto", "local"):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise InputError(f"an address must be host:port or auto, but got {address!r}.")
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_TIMEOUT_S).close()
    except (OSError, UnicodeError) as error:  # the latter: a name that no host can have
        raise InputError(
            f"a Ray head must answer at the address, but {address} does not ({error}); start one "
            f"with `ray start --head --port {_DEFAULT_PORT}` or leave --address out."
        ) from error


def share(value: T) -> ray.ObjectRef[T]:
    """Put a value into the cluster's object store, once for all who need it."""
    return ray.put(value)


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """A connection to Ray for the length of the block; one that exists already is left as it is.

    Args:
        address: of a cluster; None for the surrounding Ray job's, else for this machine.

    Raises:
        InputError: if nobody answers at the address.
    """
    if ray.is_initialized():
        yield
        return
    check_address(address)
    _connect(address)
    try:
        yield
    finally:
        ray.shutdown()


def _connect(address: str | None) -> None:
    # Ray job submission tells its entrypoint the cluster in this variable.
    where = address or os.environ.get("RAY_ADDRESS")
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    if where is None:
        ray.init(include_dashboard=False, **quiet)
        return
    try:
        ray.init(address=where, **quiet)
    except (ConnectionError, RuntimeError) as error:
        raise InputError(f"could not connect to the Ray head at {where}: {error}") from error
