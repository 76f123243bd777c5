"""Names of a package that are imported when asked for: who looks should not wait for torch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from itertools import chain
from typing import Any


def late(
    package: str, homes: Mapping[str, Iterable[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and the `__dir__` of a package.

    Args:
        package: its name.
        homes: by module of the package, the names that stand there.

    Example:
        >>> find, listed = late("collections", {"abc": ["Mapping"]})
        >>> find("Mapping"), "Mapping" in listed()
        (<class 'collections.abc.Mapping'>, True)
    """

    def find(name: str) -> Any:
        for module, names in homes.items():
            if name in names:
                return getattr(import_module(f"{package}.{module}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *chain.from_iterable(homes.values())})

    return find, listed
