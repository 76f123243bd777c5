"""Objects of a user's own modules, by name."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from raysearch.errors import InputError


@contextmanager
def current_directory() -> Iterator[None]:
    """Modules are looked for in the current directory too, after all other places.

    Only for as long as a name is looked up: in a directory of somebody else's any import of what
    is not installed would run a file of theirs.
    """
    here = str(Path.cwd())
    sys.path.append(here)
    try:
        yield
    finally:
        # The last one: it may have been among them before.
        del sys.path[len(sys.path) - 1 - sys.path[::-1].index(here)]


def is_found_nowhere_else(module: str) -> bool:
    """Whether a module was imported from the current directory only, where no worker looks."""
    if module not in sys.modules or module in sys.builtin_module_names:
        return False
    return PathFinder.find_spec(module.partition(".")[0]) is None


def imported(name: str, kind: str) -> Any:
    """The object called ``module:name``, or None if the module has none of that name.

    Args:
        name: of module and object.
        kind: what it should be, for what is said.

    Raises:
        InputError: if there is no such module.
    """
    module, _, attribute = name.partition(":")
    try:
        with current_directory():
            return getattr(importlib.import_module(module), attribute, None)
    except (ImportError, TypeError, ValueError) as error:  # the last two: a malformed name
        raise InputError(
            f"a {kind} `module:name` must be importable, but got {name!r}: {error}."
        ) from error
