"""One Ray head of this user on this machine: loopback only, token required; started and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from raysearch.access import renew_token
from raysearch.errors import InputError
from raysearch.service.credentials import port_of
from raysearch.service.handed import forget_handed
from raysearch.service.head_command import (
    free_ports,
    head_command,
    head_environment,
    signing,
)
from raysearch.service.head_place import (
    LOCK,
    LOG,
    TOKEN,
    About,
    Head,
    birth,
    head_directory,
    head_token,
    only_starter,
    running_head,
    sockets_directory,
)
from raysearch.service.listener import listeners
from raysearch.service.ping import ray_version

if TYPE_CHECKING:
    # Imports torch, which who asks for a job's state should not wait for.
    from raysearch.progress import Say

_START_S, _STOP_S, _POLL_S = 120.0, 40.0, 0.2
# What Ray prints once all of it has started, its dashboard among it.
_STARTED_LINE = "Ray runtime started"
# Heads outlive who started them; Python warns of a process whose handle is dropped.
_STARTED: list[subprocess.Popen[bytes]] = []


def start_head(say: Say) -> Head:
    """The head of this user, started if there is none; it answers.

    Whoever is interrupted while a head starts leaves it to the next who asks.

    Raises:
        InputError: if it does not start, or runs another Python or raysearch than this.
    """
    directory = head_directory()
    with only_starter(directory):
        head = running_head() or _start(directory, say)
    _check_same_program(head)
    ends = time.monotonic() + _START_S
    while running_head() == head and time.monotonic() < ends:
        if _answers(head):
            return head
        time.sleep(_POLL_S)
    raise InputError(
        f"a Ray head must start on this machine, but did not; see {directory / LOG}. "
        "`raysearch stop --head` ends what is left of it."
    )


def stop_head() -> bool:
    """End the head of this user and all its jobs; False if there is none."""
    head = running_head()
    if head is not None:
        _end(head)
    _reap(head)
    directory = head_directory()
    with only_starter(directory):
        if running_head() is None:  # nobody has started another one meanwhile
            forget_handed(directory)
    return head is not None


def check_listener(head: Head) -> None:
    """Raise InputError unless it is the head that listens where its token would be sent."""
    if not _listens(head):
        raise InputError(
            f"the head of this machine must listen at {head.url}, but does not; it may be "
            f"starting: ask again in a moment, or see {head_directory() / LOG}."
        )


def this_program() -> tuple[str, str]:
    """The Python and the raysearch of this process."""
    return sys.executable, str(Path(__file__).parents[1])


def _start(directory: Path, say: Say) -> Head:
    say("starting a Ray head of your own on this machine (`raysearch stop --head` ends it)")
    ports, sockets = free_ports(), sockets_directory()
    about = About(f"http://127.0.0.1:{ports.dashboard}", *this_program())
    with birth(directory, about) as lock:
        # A token that got known opens no later head.
        renew_token(directory / TOKEN)
        forget_handed(directory)
        process = _begun(signing(LOCK, head_command(ports, sockets)), directory, lock)
    _STARTED.append(process)
    return Head(process.pid, about)


def _begun(command: list[str], directory: Path, lock: IO[str]) -> subprocess.Popen[bytes]:
    with (directory / LOG).open("w") as log:
        return subprocess.Popen(
            command,
            env=head_environment(directory / TOKEN),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # The lock lives as long as the head does, and Ctrl-C here does not reach it.
            pass_fds=[lock.fileno()],
            start_new_session=True,
            cwd=directory,
        )


def _answers(head: Head) -> bool:
    """Whether the head takes jobs; the token goes to no program of somebody else's."""
    if not _listens(head):
        return False
    try:
        ray_version(head.url, head_token())
    except InputError:
        return False
    return True


def _listens(head: Head) -> bool:
    """Whether this user's programs, and no others, listen at the head's port."""
    users = listeners(port_of(head.url))
    if users is None:
        # Ray starts wholly or not at all, and not without the port of its dashboard.
        return _STARTED_LINE in (head_directory() / LOG).read_text(errors="replace")
    return users == {os.getuid()}


def _end(head: Head) -> None:
    _signal(head, signal.SIGTERM)
    ends = time.monotonic() + _STOP_S
    while running_head() == head:
        if time.monotonic() > ends:
            _signal(head, signal.SIGKILL)  # the kernel ends its processes with it
        time.sleep(_POLL_S)


def _signal(head: Head, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(head.pid, number)


def _reap(head: Head | None) -> None:
    """Take leave of heads that this process started and that have ended, of this one for certain.

    A process lets go of its lock some moments before it has ended.
    """
    for process in _STARTED:
        if head is not None and process.pid == head.pid:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)
    _STARTED[:] = [process for process in _STARTED if process.poll() is None]


def _check_same_program(head: Head) -> None:
    theirs, ours = (head.about.python, head.about.package), this_program()
    if theirs != ours:
        raise InputError(
            f"a job must run the program that submits it, but the head on this machine runs "
            f"{' with '.join(theirs)} and this is {' with '.join(ours)}; end that one by "
            "`raysearch stop --head`."
        )
