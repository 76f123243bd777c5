"""The thread that publishes a study while it runs, and its last word."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from raysearch.errors import InputError
from raysearch.remote.objects import Unreachable
from raysearch.remote.snapshots import Publisher
from raysearch.remote.writers import RENEW_S, Claim, Superseded

# A large study takes longer to publish; it is done less often.
_SHARE = 0.1


@dataclass
class _Thread:
    """Renews the claim and publishes, until it is told to end."""

    claim: Claim
    publisher: Publisher
    say: Callable[[str], None]
    main: int | None
    ended: threading.Event = field(default_factory=threading.Event)
    superseded: Superseded | None = None
    _due: float = 0.0
    _told: bool = False

    def run(self) -> None:
        while not self.ended.wait(RENEW_S):
            try:
                self._step()
            except Superseded as error:
                self.superseded = error
                if self.main is not None:
                    # As Ctrl-C does: the search ends, and its copy stays as it is.
                    signal.pthread_kill(self.main, signal.SIGINT)
                return
            except (InputError, OSError) as error:
                self._complain(error)

    def _step(self) -> None:
        self.claim.renew()
        started = time.monotonic()
        if started > self._due:
            self.publish()
            now = time.monotonic()
            self._due = now + (now - started) / _SHARE
        if self._told:
            self.say(f"{self.claim.objects.uri} answers again")
        self._told = False

    def _complain(self, error: Exception) -> None:
        if not self._told:
            self.say(f"{error}. The study goes on in {self.publisher.study}, and is sent later")
        self._told = True

    def publish(self) -> None:
        """Publish what is there; what earlier writers left goes when something newer is there."""
        if self.publisher.publish() and self.publisher.is_first:
            self.publisher.remove_earlier()


@contextmanager
def publishing(claim: Claim, study: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Publish a directory every few seconds, and at the end of the block, however it ends.

    Args:
        claim: the right to write.
        study: the directory.
        say: is told if the store does not answer, and when it does again.

    Raises:
        Superseded: if another process has taken over.
        InputError: if what was written last could not be published; it stays where it is.
    """
    is_main = threading.current_thread() is threading.main_thread()
    main = threading.get_ident() if is_main else None
    work = _Thread(claim, Publisher(claim.objects, claim.writer, study), say, main)
    thread = threading.Thread(target=work.run, name="publishing", daemon=True)
    thread.start()
    try:
        yield
    finally:
        work.ended.set()
        thread.join()
        _end(work)


def _end(work: _Thread) -> None:
    if work.superseded is not None:
        raise work.superseded
    try:
        work.claim.check()
        work.publish()
        work.claim.release()
    except Unreachable as error:
        raise InputError(
            f"{error}. All that is finished is in {work.publisher.study}; when the store answers, "
            f"`raysearch resume {work.publisher.study}` sends it, or of a test the command that "
            "began it."
        ) from error
    work.say(f"kept at {work.claim.objects.uri}")
