"""Tokens that open a Ray cluster, and the directories that hold them: their owner's alone.

Whoever may talk to a Ray head may run any program as the user who started it (CVE-2023-48022), so
a token is as good as a password: it lies in a file of mode 0600 and is named by its path only.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from raysearch.errors import InputError

TOKEN, TOKEN_PATH, MODE = "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE"
# Named after the systems on which it is the default; "0" makes a head listen on the loopback.
LOOPBACK_ONLY = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
_OWNER_ONLY = stat.S_IRWXG | stat.S_IRWXO


def default_token_path() -> Path:
    """Where Ray itself looks for a token if the environment names none."""
    return Path.home() / ".ray" / "auth_token"


def named_token() -> str | None:
    """The token that the environment holds, or whose file it names; None if it does neither.

    Raises:
        InputError: if `RAY_AUTH_TOKEN_PATH` is no file, or one that others may read.
    """
    if held := os.environ.get(TOKEN, "").strip():
        return held
    if not (named := os.environ.get(TOKEN_PATH)):
        return None
    if not Path(named).is_file():
        raise InputError(f"{TOKEN_PATH} must be a file with a token, but {named} is none.")
    if Path(named).stat().st_mode & _OWNER_ONLY:
        raise InputError(
            f"a token is as good as a password, but others may read {named}, which {TOKEN_PATH} "
            "names; `chmod 600` it, and make a new one if somebody may have."
        )
    return read_token(Path(named))


def default_token() -> str | None:
    """The token in Ray's own place, which is made private; None if there is none."""
    path = default_token_path()
    return read_token(make_token(path)) if path.is_file() else None


def read_token(path: Path) -> str:
    """The token in a file."""
    return path.read_text().strip()


def make_token(path: Path) -> Path:
    """The token file at `path`, made if it is missing, and made private if others may read it.

    Raises:
        InputError: if it can be neither made nor made private.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _write_new(path, secrets.token_hex(32))
        if path.stat().st_mode & _OWNER_ONLY:
            path.chmod(0o600)
    except OSError as error:
        raise InputError(
            f"a token of Ray must lie in a file of your own, but: {error}; name another by "
            f"{TOKEN_PATH}."
        ) from error
    return path


def renew_token(path: Path) -> Path:
    """The token file at `path` with a new token, whatever it held; see `make_token`."""
    path.unlink(missing_ok=True)
    return make_token(path)


def private_directory(path: Path) -> Path:
    """The directory at `path`, made if it is missing.

    Raises:
        InputError: if it is not this user's alone, whoever made it.
    """
    with suppress(FileExistsError):
        path.mkdir(mode=0o700, parents=True)
    found = path.lstat()
    theirs = found.st_uid != os.getuid() or found.st_mode & _OWNER_ONLY
    if not stat.S_ISDIR(found.st_mode) or theirs:
        raise InputError(
            f"{path} must be a directory that is yours alone (mode 0700), but has mode "
            f"{stat.filemode(found.st_mode)} and owner {found.st_uid}; remove it or choose another."
        )
    return path


def keep_head_private(say: Callable[[str], None]) -> None:
    """Let a Ray head that this process starts listen on the loopback only, and demand a token.

    It is for a process that joins no cluster of several machines, and must come before Ray is
    imported: Ray would otherwise take an address that others reach, whatever it is told.

    Args:
        say: is told if it comes too late.
    """
    os.environ.setdefault(MODE, "token")
    if "ray" in sys.modules and LOOPBACK_ONLY not in os.environ:
        say(
            "Ray was imported before, so its head listens on all addresses of this machine, "
            f"guarded by its token only; set {LOOPBACK_ONLY}=0 to keep it to the loopback."
        )
        return
    os.environ.setdefault(LOOPBACK_ONLY, "0")


def _write_new(path: Path, text: str) -> None:
    """Write a file that was never readable by others, whole or not at all."""
    # Threads of one process may do so at the same time.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    try:
        with suppress(FileExistsError):  # another process was faster; a rename would take its token
            os.link(temporary, path)
    finally:
        temporary.unlink()
