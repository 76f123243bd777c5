"""Connect to a Ray cluster, or start one on this machine."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path

import ray

from raysearch.access import MODE, TOKEN, TOKEN_PATH, default_token_path, make_token
from raysearch.errors import InputError
from raysearch.samples import TwoSample, View

_CONNECT_TIMEOUT_S = 5.0
_DEFAULT_PORT = 6379
# Whoever put an object has it on the same machine.
_FETCH_TIMEOUT_S = 30.0
# Of a result that there is none, since the events could not be had; its value says why.
LOST = "lost"
# Ray gives back the worker of a task that took half a second, and on a cluster of several nodes
# waits a tenth of a second for the next: news of free resources come that often. With this a
# driver that has more tasks of the kind keeps its workers for so long (ms).
_LEASE, _LEASE_MS = "RAY_worker_lease_timeout_milliseconds", "10000"


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


class Shared(Mapping[View, TwoSample]):
    """Samples in the cluster's object store, each fetched when it is first asked for.

    A copy by pickle is of the places alone.
    """

    def __init__(
        self,
        places: Mapping[View, ray.ObjectRef[TwoSample]],
        here: Mapping[View, TwoSample] | None = None,
    ) -> None:
        """Fetch nothing yet.

        Args:
            places: of the samples.
            here: those that this process has already.
        """
        self._places, self._fetched = dict(places), dict(here or {})

    def __getitem__(self, view: View) -> TwoSample:
        if view not in self._fetched:
            self._fetched[view] = ray.get(self._places[view])  # shared memory, not a copy
        return self._fetched[view]

    def __iter__(self) -> Iterator[View]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __reduce__(self) -> tuple[type[Shared], tuple[dict[View, ray.ObjectRef[TwoSample]]]]:
        return Shared, (self._places,)

    def renew(self) -> None:
        """Put again what the object store has lost, for all copies that are made from now on.

        Ray itself makes results of tasks anew, but not what somebody put.
        """
        for view, place in self._places.items():
            try:
                ray.get(place, timeout=_FETCH_TIMEOUT_S)
            except (ray.exceptions.ObjectLostError, ray.exceptions.GetTimeoutError):
                self._places[view] = ray.put(self[view])


def share(samples: Mapping[View, TwoSample]) -> Shared:
    """Put the events into the cluster's object store, once for all who need them.

    The ranks that trees bin are put with them: sorting is done once and here.
    """
    for sample in samples.values():
        _ = sample.rows.ranks
    return Shared({view: ray.put(sample) for view, sample in samples.items()}, samples)


def renew(samples: Mapping[View, TwoSample]) -> None:
    """Put again what was lost of samples that lie in the object store; see `Shared`."""
    if isinstance(samples, Shared):
        samples.renew()


def is_lost(error: BaseException) -> bool:
    """Whether something that was in the object store was not to be had."""
    cause = getattr(error, "cause", None) or error
    return isinstance(cause, ray.exceptions.ObjectLostError)


def check_gpus(gpus_per_trial: float, address: str | None) -> None:
    """Fail where trials would wait for ever for a GPU; a cluster may still start some.

    Raises:
        InputError: if trials need a GPU and this machine, used alone, has none.
    """
    alone = address is None and "RAY_ADDRESS" not in os.environ
    if gpus_per_trial and alone and not ray.cluster_resources().get("GPU"):
        raise InputError(
            f"gpus_per_trial = {gpus_per_trial} needs a GPU, but this machine has none; leave it "
            "out or give the --address of a cluster that has."
        )


def room(gpus_per_trial: float) -> int:
    """Workers of one CPU and this share of a GPU for which the whole cluster has resources."""
    resources = ray.cluster_resources()
    cpus = int(resources.get("CPU", 0))
    if not gpus_per_trial:
        return cpus
    gpus = resources.get("GPU", 0.0)
    # A share of more than a half leaves the rest of the GPU unused.
    share = gpus_per_trial
    each = int(gpus) * int(1 / share) if share <= 1 else int(gpus / share)
    return min(cpus, each)


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


def _keep_token_private() -> None:
    """Ray makes the token of a head of its own where every user of the machine may read it."""
    named = {TOKEN, TOKEN_PATH} & os.environ.keys()
    if os.environ.get(MODE, "token") == "token" and not named:
        make_token(default_token_path())


@contextmanager
def _searched_as_here() -> Iterator[None]:
    """Let workers import from the current directory only if this process does.

    Ray puts the directory of whoever connects before all other places of modules: in that of
    somebody else, any import of what is not installed would run a file of theirs.
    """
    here = Path.cwd()
    if {"", str(here)} & set(sys.path):
        yield
        return
    with chdir(here.anchor):
        yield


def _connect(address: str | None) -> None:
    os.environ.setdefault(_LEASE, _LEASE_MS)
    # Ray job submission tells its entrypoint the cluster in this variable.
    where = address or os.environ.get("RAY_ADDRESS")
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    if where in (None, "local"):
        _keep_token_private()
        with _searched_as_here():
            ray.init(address="local", include_dashboard=False, **quiet)
        return
    try:
        with _searched_as_here():
            ray.init(address=where, **quiet)
    except (ConnectionError, RuntimeError) as error:
        raise InputError(f"could not connect to the Ray head at {where}: {error}") from error
