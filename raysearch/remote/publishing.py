"""What runs beside a study that is kept in an object store, and its last word."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from types import FrameType

from raysearch.errors import InputError
from raysearch.remote.objects import Unreachable
from raysearch.remote.snapshots import Publisher
from raysearch.remote.writers import RENEW_S, Claim, Superseded
from raysearch.storage import Unwritable

# A large study takes longer to publish; it is done less often.
_SHARE = 0.1


@dataclass
class Renewal:
    """Renews a claim; however long anything is sent or fetched, others see that this one lives.

    Attributes:
        claim: the right to write.
        superseded: that another has taken over; who runs the study asks for it between two steps.
    """

    claim: Claim
    superseded: Superseded | None = None

    def step(self) -> None:
        """Renew the claim; an outage is for who publishes to tell."""
        if self.superseded is not None:
            return
        try:
            self.claim.renew()
        except Unreachable:
            return
        except Superseded as error:
            self.superseded = error


@dataclass
class Publication:
    """Publishes what is there, now and then."""

    publisher: Publisher
    renewal: Renewal
    say: Callable[[str], None]
    _due: float = 0.0
    # What to say when an outage is over that was told.
    _over: str = ""

    def step(self) -> None:
        """Publish, if it is time to; an outage is told once, and so is its end."""
        started = time.monotonic()
        if started < self._due or self.renewal.superseded is not None:
            return
        try:
            self.publish()
        except (InputError, OSError) as error:
            study, uri = self.publisher.study, self.publisher.objects.uri
            if not self._over:
                self.say(f"{error}. The study goes on in {study}, and is sent later")
            is_here = isinstance(error, Unwritable)
            self._over = f"{study.parent} has room again" if is_here else f"{uri} answers again"
            return
        now = time.monotonic()
        self._due = now + (now - started) / _SHARE
        if self._over:
            self.say(self._over)
        self._over = ""

    def publish(self) -> None:
        """Publish what is there; what earlier writers left goes when something newer is there."""
        if self.publisher.publish() and self.publisher.is_first:
            self.publisher.remove_earlier()

    def end(self) -> None:
        """Publish the last of it and let others write.

        Raises:
            Superseded: if another process has taken over.
            InputError: if it could not be published; it stays where it is.
        """
        claim, study = self.renewal.claim, self.publisher.study
        try:
            claim.check()
            self.publish()
            # Should it have taken so long that another took over, it lies where nobody looks.
            claim.check()
            claim.release()
        except (Unreachable, Unwritable, OSError) as error:
            when = "then" if isinstance(error, Unwritable) else "when the store answers,"
            raise InputError(
                f"{error}. All that is finished is in {study}; {when} `raysearch resume {study}` "
                "sends it, or of a test the command that began it."
            ) from error
        self.say(f"kept at {claim.objects.uri}")


@dataclass
class _Repeated:
    """Calls something every few seconds, in a thread."""

    step: Callable[[], None]
    _ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self._ended.wait(RENEW_S):
            self.step()

    def end(self, thread: threading.Thread) -> None:
        """End it, once it has finished what it is at."""
        self._ended.set()
        thread.join()


def nothing() -> None:
    """Do nothing."""


@contextmanager
def repeated(
    step: Callable[[], None],
    last: Callable[[], None] = nothing,
    heard: Callable[[], None] = nothing,
) -> Iterator[None]:
    """Call something every few seconds beside the block.

    Args:
        step: is called in a thread.
        last: is called after the block, when no step runs any more; Ctrl-C waits for it.
        heard: is called in a thread, once, if Ctrl-C has to wait.
    """
    work = _Repeated(step)
    thread = threading.Thread(target=work.run, name="kept study", daemon=True)
    thread.start()
    try:
        yield
    finally:
        # One block around both: between two the last word could be lost.
        with uninterrupted(heard):
            work.end(thread)
            last()


@contextmanager
def uninterrupted(tell: Callable[[], None] = nothing) -> Iterator[None]:
    """What Ctrl-C says during the block is heard after it, unless the block failed.

    Args:
        tell: is called in a thread at the first Ctrl-C.
    """
    previous = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    # Only the main thread hears it; a handler that Python did not set it cannot put back.
    if not is_main or previous in (None, signal.SIG_IGN):
        yield
        return
    heard: list[int] = []
    # A handler may come in the middle of anything, and of all queues and events this one allows it.
    presses: SimpleQueue[bool] = SimpleQueue()

    def note(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        presses.put(True)

    def wait() -> None:
        if presses.get():
            tell()

    telling = threading.Thread(target=wait, name="Ctrl-C", daemon=True)
    signal.signal(signal.SIGINT, note)
    try:
        telling.start()
        yield
    finally:
        presses.put(False)
        telling.join()
        signal.signal(signal.SIGINT, previous)
    if heard:
        signal.raise_signal(signal.SIGINT)
