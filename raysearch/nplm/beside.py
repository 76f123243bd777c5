"""What is done now and then beside the work of a process, without holding it up."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

# Between two times passes at least so long, and so many times what one takes.
EVERY_S = 2.0
SHARE = 20.0
_NICEST = 19


class Beside:
    """A thread for something that is done now and then, for a small share of the time."""

    def __enter__(self) -> Beside:
        """Let the first time be due after a while."""
        self._thread = ThreadPoolExecutor(1, initializer=_give_way)
        self._last: Future[float] | None = None
        self._began = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Wait for the last time; what went wrong in it is raised, unless something else has."""
        self._thread.shutdown()
        if self._last and error is None:
            self._last.result()

    @property
    def is_due(self) -> bool:
        """Whether it is time to begin again; raises what went wrong the last time."""
        took_s = 0.0
        if self._last:
            if not self._last.done():
                return False
            took_s = self._last.result()
        return time.monotonic() - self._began >= max(EVERY_S, SHARE * took_s)

    def begin(self, call: Callable[[], object]) -> None:
        """Call it in the thread; it must not share what this thread changes meanwhile."""
        self._began = time.monotonic()
        self._last = self._thread.submit(_timed, call)


def _give_way() -> None:
    """Let workers on this machine, which Ray makes nice, go first: of a thread Linux knows how."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICEST)


def _timed(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began
