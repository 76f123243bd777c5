"""How the Ray head of this machine is started: which words, which environment."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from raysearch.access import LOOPBACK_ONLY, MODE, TOKEN, TOKEN_PATH
from raysearch.errors import InputError

LOOPBACK = "127.0.0.1"
# A stopped job gets Ctrl-C, and this long to write its report.
_STOP_S = 60
# A socket's path may have 107 bytes, of which those that Ray puts below this one take up to 67.
_LONGEST = 40
# These would lead to another cluster, or show the token of one to every process of this head.
_NOT_INHERITED = frozenset({"RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", TOKEN})


class Ports(NamedTuple):
    """Ports of a head that were free a moment ago."""

    gcs: int
    dashboard: int
    client: int
    agent: int


def free_ports() -> Ports:
    """Ports that nobody listens on, so that several users and heads share a machine."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in Ports._fields]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return Ports(*(each.getsockname()[1] for each in sockets))


def head_command(ports: Ports, temporary: Path) -> list[str]:
    """The words that start the head, and nothing that has to be kept secret.

    Raises:
        InputError: if Ray's sockets would have too long a path below `temporary`.
    """
    if (length := len(os.fsencode(temporary))) > _LONGEST:
        raise InputError(
            f"sockets must lie under a path of at most {_LONGEST} bytes, but {temporary} has "
            f"{length}; give a shorter one by TMPDIR or RAYSEARCH_HEAD_DIR."
        )
    return [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
        *(f"--port={ports.gcs}", f"--dashboard-port={ports.dashboard}"),
        *(f"--node-ip-address={LOOPBACK}", f"--dashboard-host={LOOPBACK}"),
        *(
            f"--ray-client-server-port={ports.client}",
            f"--dashboard-agent-listen-port={ports.agent}",
        ),
        # Any free ports, not the range that every head takes.
        *("--min-worker-port=0", "--max-worker-port=0"),
        *(f"--temp-dir={temporary}", "--include-dashboard=true", "--disable-usage-stats"),
    ]


def signing(file: str, command: Sequence[str]) -> list[str]:
    """The words that write their process's number into a file and then become the command.

    Example:
        >>> signing("lock", ["ray", "start"])[-3:]
        ['lock', 'ray', 'start']
    """
    return ["/bin/sh", "-c", 'echo $$ >"$0" && exec "$@"', file, *command]


def head_environment(token: Path) -> dict[str, str]:
    """The environment of the head and of all its processes."""
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    return {**kept, **_settings(token)}


def _settings(token: Path) -> Mapping[str, str]:
    return {
        MODE: "token",
        TOKEN_PATH: str(token),
        # Ray would turn 127.0.0.1 into an address that others reach, and listen there.
        LOOPBACK_ONLY: "0",
        "RAY_JOB_STOP_SIGNAL": "SIGINT",
        "RAY_JOB_STOP_WAIT_TIME_S": str(_STOP_S),
    }
