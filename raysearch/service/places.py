"""The executor at an address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raysearch.service.address import LOCAL, url_of
from raysearch.service.cluster import Cluster
from raysearch.service.credentials import check_way, token_for
from raysearch.service.executor import Executor
from raysearch.service.inprocess import IN_PROCESS, THIS_PROCESS
from raysearch.service.job_interface import JobInterface
from raysearch.service.local import local, running_local
from raysearch.service.ping import check_version

if TYPE_CHECKING:
    # Imports torch, which who asks for a job's state should not wait for.
    from raysearch.progress import Say

HERE = (LOCAL, IN_PROCESS)


def executor(address: str) -> Executor:
    """Who knows the jobs at an address.

    Args:
        address: "local", "in-process", or the URL of a cluster's job interface.

    Raises:
        InputError: if nobody answers there, the version of Ray differs, or a token is missing or
            refused.
    """
    if address == IN_PROCESS:
        return THIS_PROCESS
    return running_local() if address == LOCAL else _cluster(address)


def starting_executor(address: str, say: Say) -> Executor:
    """The same, but a head on this machine is started if there is none."""
    return local(say) if address == LOCAL else executor(address)


def _cluster(address: str) -> Cluster:
    url = url_of(address)
    token = token_for(url)
    check_way(url, token)
    check_version(url, token)
    return Cluster(JobInterface(url, token))
