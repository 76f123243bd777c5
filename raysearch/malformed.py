"""What is said where a file is not what raysearch wrote: it may come from anybody, or be damaged.

Files are checked where they are read. What no check foresaw is an error of the code that shows the
file; at the entry points it becomes a sentence that names the place, the error behind it chained.
Nothing that trains stands under such a guard: its errors are mistakes of ours.
"""

from __future__ import annotations

import functools
import json
import sqlite3
import struct
import tokenize
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar
from zipfile import BadZipFile

from raysearch.errors import InputError
from raysearch.storage import is_of_storage
from raysearch.unpacking import MOST_JSON_BYTES, whole

# Characters of an error that is quoted, and of a whole message, whose value a file may hold.
_MOST, _MOST_TOLD = 300, 1500
# What the libraries that read and draw files raise where the contents make no sense.
MALFORMED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BadZipFile,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    sqlite3.Error,
    struct.error,
    tokenize.TokenError,
    zlib.error,
)


class InDirectory(Protocol):
    """Something whose files lie in one directory."""

    @property
    def directory(self) -> Path:
        """Where."""
        ...


P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T", bound=InDirectory)


def reason(error: BaseException) -> str:
    """An error in one line that is not too long.

    Example:
        >>> reason(KeyError("settings")), reason(ValueError("one" + chr(10) + "two"))
        ("KeyError: 'settings'", 'ValueError: one two')
    """
    name = type(error).__name__
    try:
        told = " ".join(str(error).split())
    except (ValueError, RecursionError):  # of a number of very many digits, lists within lists
        return name
    return f"{name}: {told[:_MOST]}" if told else name


def _short(message: str) -> str:
    """A message without the middle of a value that fills pages."""
    half = _MOST_TOLD // 2
    return message if len(message) <= _MOST_TOLD else f"{message[:half]} ... {message[-half:]}"


@contextmanager
def refusing(place: Path | str, rule: str, remedy: str) -> Iterator[None]:
    """Turn what a malformed file lets go wrong in the block into an `InputError`.

    Args:
        place: of the file or directory.
        rule: what it must be, without a full stop.
        remedy: what to do, without a full stop.

    Raises:
        InputError: that names the place; storage that fails stays an error of the system.
    """
    try:
        yield
    except InputError as error:
        told = _short(str(error))
        if str(place) in told and told == str(error):
            raise
        raise InputError(told if str(place) in told else f"{place}: {told}") from error
    except MALFORMED as error:
        if is_of_storage(error):
            raise
        raise InputError(f"{rule}, but {place}: {reason(error)}; {remedy}.") from error


def as_written(directory: Path | str, what: str = "study") -> AbstractContextManager[None]:
    """Guard a block that reads or shows the files of a study, a scan or a test.

    Args:
        directory: where they lie.
        what: lies there.

    Example:
        >>> with as_written("mine"):
        ...     {}["settings"]
        Traceback (most recent call last):
        raysearch.errors.InputError: the files of a study must be as raysearch wrote them, but \
mine: KeyError: 'settings'; put back what was changed; if nothing was, please report this.
    """
    return refusing(
        directory,
        f"the files of a {what} must be as raysearch wrote them",
        "put back what was changed; if nothing was, please report this",
    )


def reads(
    what: str,
) -> Callable[[Callable[Concatenate[T, P], R]], Callable[Concatenate[T, P], R]]:
    """Guard a method of what lies in a directory; see `as_written`."""

    def guarded(method: Callable[Concatenate[T, P], R]) -> Callable[Concatenate[T, P], R]:
        @functools.wraps(method)
        def read(of: T, /, *args: P.args, **named: P.kwargs) -> R:
            with as_written(of.directory, what):
                return method(of, *args, **named)

        return read

    return guarded


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        InputError: if the file is missing, cut or damaged, or holds anything else.
    """
    try:
        found = json.loads(whole(path, MOST_JSON_BYTES).decode())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path} must be whole JSON, but is not: {reason(error)}; put back the one that "
            "raysearch wrote."
        ) from error
    if not isinstance(found, dict):
        raise InputError(
            f"{path} must be whole JSON with names and values, but is a "
            f"{type(found).__name__}; put back the one that raysearch wrote."
        )
    return found
