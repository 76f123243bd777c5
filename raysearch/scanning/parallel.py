"""The pieces of a scan as Ray tasks. The only module of this room that knows Ray."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import ray

from raysearch.scanning.executor import Handle, Lost, in_a_line
from raysearch.tuning.cluster import room
from raysearch.tuning.devices import hide_unassigned_gpus

# A worker that died may have been unlucky; one that died so often is killed by what it runs.
_RETRIES = 3


class RayTasks:
    """Runs each function as a task of one CPU of the cluster this process is connected to.

    No task sees a GPU: they would crowd onto the first of a node, and what a scan finds would
    depend on which nodes it ran on.
    """

    def __init__(self) -> None:
        """Know no function yet."""
        self._remote: dict[Callable[..., Any], Any] = {}

    @property
    def workers(self) -> int:
        """CPUs of the cluster, as it is now."""
        return max(1, room(0.0))

    def share(self, value: object) -> Handle:
        """Put the value into the object store."""
        return ray.put(value)

    def start(
        self, function: Callable[..., Any], *arguments: Any, outputs: int = 1
    ) -> list[Handle]:
        """Submit a task; handles among the arguments arrive as their values."""
        if function not in self._remote:
            task = without_gpus(function)
            self._remote[function] = ray.remote(num_cpus=1, max_retries=_RETRIES)(task)
        made = self._remote[function].options(num_returns=outputs).remote(*arguments)
        return [made] if outputs == 1 else list(made)

    def ended(self, handles: Sequence[Handle], timeout_s: float) -> list[Handle]:
        """Wait for the first, then take all that have ended."""
        first, _ = ray.wait(list(handles), num_returns=1, timeout=timeout_s, fetch_local=False)
        if not first:
            return []
        done, _ = ray.wait(list(handles), num_returns=len(handles), timeout=0, fetch_local=False)
        return list(done)

    def result(self, handle: Handle) -> Any:
        """Fetch the value; an error of the function is raised as it was, one of Ray as Lost."""
        try:
            return ray.get(handle)
        except ray.exceptions.RayError as error:
            cause = _cause(error)
            if _is_of_the_system(cause):
                raise Lost(in_a_line(cause)) from error
            raise cause from error

    def cancel(self, handles: Sequence[Handle]) -> None:
        """Cancel tasks; those that run get a KeyboardInterrupt."""
        for handle in handles:
            ray.cancel(handle, force=False)


def without_gpus(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, run in a process that sees no GPU which Ray has not assigned to it."""

    @wraps(function)
    def run(*arguments: Any) -> Any:
        hide_unassigned_gpus()
        return function(*arguments)

    return run


def _cause(error: BaseException) -> BaseException:
    """What lies behind the errors of a task, and of tasks whose results it was to take."""
    while isinstance(error, ray.exceptions.RayTaskError) and error.cause is not None:
        error = error.cause
    return error


def _is_of_the_system(cause: BaseException) -> bool:
    """Whether it was Ray that failed; a plain RayError tells what cannot travel by itself."""
    own = isinstance(cause, ray.exceptions.RayTaskError) or type(cause) is ray.exceptions.RayError
    return isinstance(cause, ray.exceptions.RayError) and not own
