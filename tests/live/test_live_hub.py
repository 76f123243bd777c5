"""One reading at a time for all viewers, whoever of them goes meanwhile."""

import asyncio
import gc
import threading

from raysearch.live.hub import Hub
from raysearch.live.state import Snapshot


class Slow:
    """A state that is read as long as it is held."""

    def __init__(self):
        self.begun, self.go_on = threading.Semaphore(0), threading.Event()
        self.readings = 0

    def refresh(self):
        self.readings += 1
        self.begun.release()
        self.go_on.wait(30)
        return Snapshot("one", [], 0, b"{}", b"null", {})


def test_a_viewer_that_goes_amid_a_reading_lets_no_other_begin_beside_it():
    async def two_viewers():
        state = Slow()
        hub = Hub(state)
        first = asyncio.create_task(hub.fresh())
        while not state.begun.acquire(blocking=False):
            await asyncio.sleep(0.01)
        first.cancel()
        second = asyncio.create_task(hub.fresh())
        await asyncio.sleep(0.1)
        assert state.readings == 1
        state.go_on.set()
        assert (await second).life == "one"
        return state.readings

    assert asyncio.run(two_viewers()) == 1


def test_what_was_read_for_a_viewer_that_went_is_for_the_next_one():
    async def leaves_and_comes():
        state = Slow()
        hub = Hub(state)
        await left_amid(hub, state)
        state.go_on.set()
        await asyncio.wait_for(hub._changed.wait(), 30)
        found = await hub.fresh()
        return found.life, state.readings

    assert asyncio.run(leaves_and_comes()) == ("one", 1)


def test_of_a_reading_that_fails_for_nobody_nothing_is_logged(caplog):
    class Broken(Slow):
        def refresh(self):
            super().refresh()
            raise OSError("no disk")

    async def leaves():
        state = Broken()
        hub = Hub(state)
        await left_amid(hub, state)
        reading = hub._pending
        state.go_on.set()
        while not reading.done():
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)
        hub._pending = None

    asyncio.run(leaves())
    gc.collect()
    assert not caplog.records


async def left_amid(hub, state):
    """A viewer comes, and goes once a reading has begun."""
    viewer = asyncio.create_task(hub.fresh())
    while not state.begun.acquire(blocking=False):
        await asyncio.sleep(0.01)
    viewer.cancel()
    await asyncio.wait([viewer])


def test_who_reads_fails_as_the_reading_does():
    class Broken(Slow):
        def refresh(self):
            raise OSError("no disk")

    async def fails():
        try:
            await Hub(Broken()).fresh()
        except OSError as error:
            return str(error)

    assert asyncio.run(fails()) == "no disk"
