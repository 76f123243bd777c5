"""What this user's head on this machine is known by: files in a directory that is theirs alone.

The head's own process holds the lock for as long as it lives, and has written its number into it;
head.json, written just before, tells the rest. So a head is found, and can be ended, from its first
moment on, whatever becomes of who started it; and what an earlier head left is never taken for it,
as head.json is removed before the lock is taken again.
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from raysearch.access import private_directory, read_token
from raysearch.errors import InputError
from raysearch.files import write_json
from raysearch.locks import SHARED, lock_file, taken

DIRECTORY = "RAYSEARCH_HEAD_DIR"
TOKEN, LOCK, LOG = "token", "lock", "head.log"
_ABOUT, _STARTING = "head.json", "starting"
# Between taking the lock and having written its number a head needs some milliseconds.
_BIRTH_S, _POLL_S = 2.0, 0.02


@dataclass(frozen=True)
class About:
    """What is told of a head before it lives.

    Attributes:
        url: of its job interface.
        python: that it runs.
        package: the raysearch that it runs.
    """

    url: str
    python: str
    package: str


@dataclass(frozen=True)
class Head:
    """A head that lives, though it may not answer yet.

    Attributes:
        pid: of the process that all others end with.
        about: what was told of it.
    """

    pid: int
    about: About

    @property
    def url(self) -> str:
        """Of its job interface."""
        return self.about.url


def head_directory() -> Path:
    """The directory of this user's head; the environment variable RAYSEARCH_HEAD_DIR moves it.

    It lies in the home, where nobody tidies up and every login finds it, by the machine's name, as
    several machines may have one home.

    Raises:
        InputError: if it cannot be made, belongs to another user, or others may look into it.
    """
    named = os.environ.get(DIRECTORY)
    try:
        return private_directory(Path(named).absolute() if named else _at_home())
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"a head must have a directory, but: {error}; name one on a local disk by {DIRECTORY}."
        ) from error


def sockets_directory() -> Path:
    """Where Ray keeps sockets and logs of the head: on a local disk, under a short path."""
    named = os.environ.get(DIRECTORY)
    temporary = Path(tempfile.gettempdir()) / f"raysearch-{os.getuid()}"
    return (Path(named).absolute() if named else private_directory(temporary)) / "ray"


def head_token() -> str:
    """The token of this user's head.

    Raises:
        InputError: if there is none.
    """
    path = head_directory() / TOKEN
    try:
        return read_token(path)
    except FileNotFoundError as error:
        raise InputError(
            f"the token of this machine's head must lie in {path}, but is gone; end that head by "
            "`raysearch stop --head`."
        ) from error


def running_head() -> Head | None:
    """The head of this user on this machine, or None."""
    directory = head_directory()
    ends = time.monotonic() + _BIRTH_S
    while _is_locked(directory):
        if (head := _told(directory)) is not None:
            return head
        if time.monotonic() > ends:
            return None
        time.sleep(_POLL_S)
    return None


@contextmanager
def only_starter(directory: Path) -> Iterator[None]:
    """Wait until nobody else starts a head, and keep others waiting meanwhile."""
    with lock_file(directory / _STARTING) as file:
        taken(file, wait=True)
        yield


@contextmanager
def birth(directory: Path, about: About) -> Iterator[IO[str]]:
    """The lock that a new head inherits, to be signed by it with its number.

    Raises:
        InputError: if a process holds it of which nothing is known.
    """
    (directory / _ABOUT).unlink(missing_ok=True)
    with lock_file(directory / LOCK) as lock:
        ends = time.monotonic() + _BIRTH_S
        while not taken(lock):  # who only looks lets go of it in no time
            if time.monotonic() > ends:
                raise InputError(
                    f"a head must be the only one in its directory, but another process holds "
                    f"{directory / LOCK}; end it, or name another directory by {DIRECTORY}."
                )
            time.sleep(_POLL_S)
        lock.truncate(0)
        write_json(directory / _ABOUT, asdict(about))
        yield lock


def _at_home() -> Path:
    """Where the XDG Base Directory Specification has what a program remembers."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "raysearch" / socket.gethostname()


def _is_locked(directory: Path) -> bool:
    with lock_file(directory / LOCK) as lock:
        # A shared lock: who asks at the same time does not take each other for a head.
        return not taken(lock, SHARED)


def _told(directory: Path) -> Head | None:
    """The head that holds the lock; None while it is being born."""
    try:
        pid = int((directory / LOCK).read_text())
        return Head(pid, About(**json.loads((directory / _ABOUT).read_text())))
    except (FileNotFoundError, ValueError, TypeError):
        return None
