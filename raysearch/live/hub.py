"""One reading of the study for all viewers, and who waits for news of it."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from raysearch.live.state import Snapshot, State, message

# A finished trial is to be seen within two seconds; a study commits within some tenths of one.
EVERY_S = 0.5
_LOG = logging.getLogger(__name__)


class Position(NamedTuple):
    """How much of a state a viewer has.

    Attributes:
        life: of the rows; "" for a viewer that has none.
        n_rows: how many of its rows.
    """

    life: str = ""
    n_rows: int = 0


class Hub:
    """Keeps the state fresh while somebody looks; all of it in one event loop."""

    def __init__(self, state: State) -> None:
        """Read nothing yet."""
        self._state = state
        self._reading = asyncio.Lock()
        self._read_at = -float("inf")
        self._snapshot: Snapshot | None = None
        self._pending: asyncio.Future[Snapshot] | None = None
        self._messages: dict[Position, bytes] = {}
        self._changed = asyncio.Event()
        self._watched = asyncio.Event()
        self.viewers = 0
        self.is_closed = False

    async def fresh(self) -> Snapshot:
        """The state, read anew unless that was done a moment ago."""
        async with self._reading:
            known = self._snapshot
            if known is not None and time.monotonic() - self._read_at < EVERY_S:
                return known
            return self._kept(await self._read())

    async def keep_fresh(self) -> None:
        """Read again and again while there are viewers."""
        while True:
            await self._watched.wait()
            try:
                await self.fresh()
            except Exception:  # the next reading may succeed; viewers see that nothing changes
                _LOG.exception("the study could not be read")
            await asyncio.sleep(EVERY_S)

    def enter(self) -> None:
        """A viewer comes."""
        self.viewers += 1
        self._watched.set()

    def leave(self) -> None:
        """A viewer goes."""
        self.viewers -= 1
        if not self.viewers:
            self._watched.clear()

    async def changed(self, known: Snapshot, timeout_s: float) -> None:
        """Wait until the state is another one than this, or so long."""
        if self._snapshot is not known:
            return
        try:
            await asyncio.wait_for(self._changed.wait(), timeout_s)
        except TimeoutError:
            return

    def message(self, snapshot: Snapshot, position: Position) -> bytes:
        """What a viewer that stands there has to be sent; the same bytes for all who do."""
        if position not in self._messages:
            self._messages[position] = message(snapshot, *position)
        return self._messages[position]

    def close(self) -> None:
        """Let all who wait go; nobody waits for a reading that a silent server holds up."""
        self.is_closed = True
        if self._pending is not None:
            self._pending.cancel()
        self._tell()

    async def _read(self) -> Snapshot:
        """Read in a thread; a viewer that goes meanwhile lets no other reading begin beside it."""
        if self.is_closed:
            raise asyncio.CancelledError
        if self._pending is None or self._pending.done():
            self._pending = _in_thread(self._state.refresh)
            self._pending.add_done_callback(self._has_read)
        return await asyncio.shield(self._pending)

    def _has_read(self, reading: asyncio.Future[Snapshot]) -> None:
        """Keep what a reading found, though nobody may be left who waits for it."""
        # Asked for in any case, as asyncio logs errors that nobody has heard of.
        if not reading.cancelled() and reading.exception() is None:
            self._read_at = time.monotonic()
            self._kept(reading.result())

    def _kept(self, found: Snapshot) -> Snapshot:
        """The state that is known from now on: this one, unless it is the same as before."""
        known = self._snapshot
        if known is not None and _are_equal(found, known):
            return known
        self._snapshot = found
        self._messages.clear()
        self._tell()
        return found

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _are_equal(one: Snapshot, other: Snapshot) -> bool:
    # Rows of one life are only added.
    same = one.life == other.life and one.n_rows == other.n_rows
    return same and one.head == other.head and one.outcome == other.outcome


def _in_thread(read: Callable[[], Snapshot]) -> asyncio.Future[Snapshot]:
    """What a reading gives; the end of the loop, or of the process, does not wait for its thread.

    The thread ends by itself, since whatever is read has a deadline.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Snapshot] = loop.create_future()

    def tell(found: Snapshot | Exception) -> None:
        if future.done():
            return
        if isinstance(found, Exception):
            future.set_exception(found)
        else:
            future.set_result(found)

    def run() -> None:
        try:
            found: Snapshot | Exception = read()
        except Exception as error:
            found = error
        with suppress(RuntimeError):  # the page is closed
            loop.call_soon_threadsafe(tell, found)

    threading.Thread(target=run, name="raysearch live reading", daemon=True).start()
    return future
