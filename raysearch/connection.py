"""The connection to Ray that a command needs, made when nothing is left to refuse.

Ray takes seconds to import; what needs none, or is wrong, should not wait for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from raysearch.access import keep_head_private
from raysearch.progress import Say

_HERE = "local"


def check_address(address: str | None) -> None:
    """Fail early where nobody listens; see `raysearch.tuning.cluster.check_address`."""
    if address not in (None, _HERE):
        from raysearch.tuning.cluster import check_address as check

        check(address)


@contextmanager
def connected(address: str | None, gpus_per_task: float, say: Say) -> Iterator[None]:
    """A connection to Ray for the length of the block.

    A head that is started for it is this machine's alone and demands a token.

    Args:
        address: of a cluster; None for the surrounding Ray job's, else for this machine.
        gpus_per_task: share of a GPU that what is run needs.
        say: receives progress, line by line.

    Raises:
        InputError: if nobody answers at the address, or there is no GPU.
    """
    say("starting Ray" if address is None else f"connecting to Ray at {address}")
    if _starts_a_head(address):
        keep_head_private(say)
    from raysearch.tuning.cluster import check_gpus
    from raysearch.tuning.cluster import connected as connect

    with connect(address):
        check_gpus(gpus_per_task, address)
        yield


def _starts_a_head(address: str | None) -> bool:
    ray = sys.modules.get("ray")
    if ray is not None and ray.is_initialized():
        return False
    return (address or os.environ.get("RAY_ADDRESS") or _HERE) == _HERE
