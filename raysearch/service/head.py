"""One Ray head of this user on this machine: loopback only, token required.

Its directory is the user's alone. The head's own process holds a lock there as long as it lives, so
that no other is mistaken for it; all further processes end with it.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from raysearch.access import make_token, private_directory, read_token
from raysearch.errors import InputError
from raysearch.files import write_json
from raysearch.service.head_command import free_ports, head_command, head_environment
from raysearch.service.ping import ray_version

if TYPE_CHECKING:
    # Imports torch, which who asks for a job's state should not wait for.
    from raysearch.progress import Say

DIRECTORY = "RAYSEARCH_HEAD_DIR"
_TOKEN, _LOCK, _ABOUT, _LOG = "token", "lock", "head.json", "head.log"
_START_S, _STOP_S, _POLL_S = 120.0, 40.0, 0.2
# Heads outlive who started them; Python warns of a process whose handle is dropped.
_STARTED: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Head:
    """A head that runs.

    Attributes:
        url: of its job interface.
        pid: of the process that all others end with.
        python: that it runs.
        package: the raysearch that it runs.
    """

    url: str
    pid: int
    python: str
    package: str


def head_directory() -> Path:
    """The directory of this user's head; the environment variable RAYSEARCH_HEAD_DIR moves it.

    Raises:
        InputError: if it belongs to another user, or others may look into it.
    """
    default = Path(tempfile.gettempdir()) / f"raysearch-{os.getuid()}"
    return private_directory(Path(os.environ.get(DIRECTORY, default)))


def head_token() -> str:
    """The token of this user's head."""
    return read_token(make_token(head_directory() / _TOKEN))


def running_head() -> Head | None:
    """The head of this user on this machine, or None."""
    path = head_directory() / _ABOUT
    with (head_directory() / _LOCK).open("w") as lock:
        # A shared lock: who asks at the same time does not take each other for a head.
        if _taken(lock, fcntl.LOCK_SH) or not path.is_file():
            return None
    return Head(**json.loads(path.read_text()))


def start_head(say: Say) -> Head:
    """The head of this user, started if there is none.

    Raises:
        InputError: if it does not start, or runs another Python or raysearch than this.
    """
    directory = head_directory()
    make_token(directory / _TOKEN)
    ends = time.monotonic() + _START_S
    while time.monotonic() < ends:
        with (directory / _LOCK).open("w") as lock:
            if _taken(lock):
                say("starting a Ray head of your own on this machine")
                return _start(directory, lock)
        # Somebody else has started one, or is starting it.
        if (head := running_head()) is not None:
            return _same_program(head)
        time.sleep(_POLL_S)
    raise _no_start(directory)


def stop_head() -> bool:
    """End the head of this user and all its jobs; False if there is none."""
    head = running_head()
    if head is None:
        _reap()
        return False
    os.kill(head.pid, signal.SIGTERM)
    ends = time.monotonic() + _STOP_S
    while running_head() is not None:
        if time.monotonic() > ends:
            os.kill(head.pid, signal.SIGKILL)  # the kernel ends its processes with it
        time.sleep(_POLL_S)
    _reap()
    return True


def this_program() -> tuple[str, str]:
    """The Python and the raysearch of this process."""
    return sys.executable, str(Path(__file__).parents[1])


def _taken(lock: IO[str], kind: int = fcntl.LOCK_EX) -> bool:
    """Take the lock if nobody holds it; whether that succeeded."""
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _reap() -> None:
    """Take leave of heads that this process started and that have ended."""
    for process in _STARTED:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_S)


def _start(directory: Path, lock: IO[str]) -> Head:
    (directory / _ABOUT).unlink(missing_ok=True)
    ports = free_ports()
    with (directory / _LOG).open("w") as log:
        process = subprocess.Popen(
            head_command(ports, directory / "ray"),
            env=head_environment(directory / _TOKEN),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # The lock lives as long as the head does, and Ctrl-C here does not reach it.
            pass_fds=[lock.fileno()],
            start_new_session=True,
            cwd=directory,
        )
    _STARTED.append(process)
    head = Head(f"http://127.0.0.1:{ports.dashboard}", process.pid, *this_program())
    try:
        _answer(head, lambda: process.poll() is None, directory)
    except BaseException:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
        raise
    write_json(directory / _ABOUT, asdict(head))
    return head


def _answer(head: Head, lives: Callable[[], bool], directory: Path) -> None:
    """Wait until the head takes jobs."""
    ends = time.monotonic() + _START_S
    while lives() and time.monotonic() < ends:
        try:
            ray_version(head.url, head_token())
        except InputError:
            time.sleep(_POLL_S)
        else:
            return
    raise _no_start(directory)


def _no_start(directory: Path) -> InputError:
    return InputError(
        f"a Ray head must start on this machine, but did not; see {directory / _LOG}."
    )


def _same_program(head: Head) -> Head:
    theirs, ours = (head.python, head.package), this_program()
    if theirs != ours:
        raise InputError(
            f"a job must run the program that submits it, but the head on this machine runs "
            f"{' with '.join(theirs)} and this is {' with '.join(ours)}; end that one by "
            "`raysearch stop --head`."
        )
    return head
