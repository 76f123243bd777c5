"""Where the pieces of a scan run, and the one that runs them here, one after another. No Ray."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

# What stands for a value that may not exist yet and may lie elsewhere.
Handle = Any


class Lost(Exception):
    """A function has no result through no fault of its own: its worker or an argument was lost."""


def in_a_line(error: BaseException) -> str:
    """Why there is no result, short enough for a table."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


class Executor(Protocol):
    """Runs plain functions somewhere."""

    @property
    def workers(self) -> int:
        """Functions that can run at the same time."""
        ...

    def share(self, value: object) -> Handle:
        """A handle of a value, sent where it is needed once."""
        ...

    def start(
        self, function: Callable[..., Any], *arguments: Any, outputs: int = 1
    ) -> list[Handle]:
        """Run a function of values and handles; one handle for each of its outputs."""
        ...

    def ended(self, handles: Sequence[Handle], timeout_s: float) -> list[Handle]:
        """Handles whose functions have ended, at the latest after `timeout_s`."""
        ...

    def result(self, handle: Handle) -> Any:
        """The value of a handle whose function has ended.

        Raises:
            Lost: if the system failed: workers, nodes or stored values that are gone.
            Exception: what the function itself raised.
        """
        ...

    def cancel(self, handles: Sequence[Handle]) -> None:
        """Have no more of these; those that run may be interrupted."""
        ...


@dataclass(frozen=True, eq=False)
class _Here:
    value: Any


class Serial:
    """Runs each function at once, in this process."""

    workers = 1

    def share(self, value: object) -> Handle:
        """The value itself, wrapped."""
        return _Here(value)

    def start(
        self, function: Callable[..., Any], *arguments: Any, outputs: int = 1
    ) -> list[Handle]:
        """Run the function now; what it raises is raised where its result is asked for."""
        try:
            values = [a.value if isinstance(a, _Here) else a for a in arguments]
            for value in values:
                if isinstance(value, Exception):
                    raise value
            found = function(*values)
        except Exception as error:
            return [_Here(error)] * outputs
        return [_Here(found)] if outputs == 1 else [_Here(part) for part in found]

    def ended(self, handles: Sequence[Handle], timeout_s: float) -> list[Handle]:
        """The first of them: all have ended."""
        return list(handles[:1])

    def result(self, handle: Handle) -> Any:
        """The value."""
        if isinstance(handle.value, Exception):
            raise handle.value
        return handle.value

    def cancel(self, handles: Sequence[Handle]) -> None:
        """Nothing: all have run."""
