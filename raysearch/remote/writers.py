"""One writer at a time, in a store that has no locks.

Each writer has a generation, one more than that of all before it, and an object that it renews
while it lives. Who comes later watches that object for some renewals: no clocks are compared. If it
stands still, the newcomer takes the next generation; should the earlier writer only have slept, it
finds the higher one and stops, and what it still wrote lies in a folder that no reader asks.

Two that take the same generation at once both write before they look, so at least one of them sees
the other (L. Lamport, Commun. ACM 17, 453 (1974)), and whoever sees another withdraws. This needs a
store that lists what was written as soon as it is. One that dies before it withdraws leaves its
object beside that of one that lives: whoever comes later watches all of the highest generation.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from raysearch.errors import InputError
from raysearch.remote.objects import Objects
from raysearch.schemas import check_schema

SCHEMA = 1
FOLDER = "writers"
RENEW_S = 5.0
# So long a writer may not have renewed before it is taken for dead.
_DEAD_S = 4 * RENEW_S
_POLL_S = 0.5
_NAME = re.compile(r"^(\d{6})-([0-9a-f]{16})\.json$")
_ENDED = "ended"


class Writer(NamedTuple):
    """Who may write.

    Attributes:
        generation: the highest of all is the one that counts.
        token: tells writers of one generation apart.
    """

    generation: int
    token: str

    @property
    def folder(self) -> str:
        """Folder of all that it writes."""
        return f"{self.generation:06d}-{self.token}"

    @property
    def claim(self) -> str:
        """Object that it renews."""
        return f"{FOLDER}/{self.folder}.json"


class Superseded(InputError):
    """Another process has taken the study over."""


@dataclass
class Claim:
    """The right to write, which is renewed while it is used.

    Attributes:
        objects: of the store.
        writer: whose right it is.
    """

    objects: Objects
    writer: Writer
    _beat: int = 0
    _is_released: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def renew(self) -> None:
        """Say that this writer lives, unless it has been released.

        Raises:
            Superseded: if another has taken over.
            Unreachable: if the store does not answer.
        """
        self.check()
        # Another thread renews; it must not say so after the last word.
        with self._lock:
            if not self._is_released:
                self._beat += 1
                self._say(str(self._beat))

    def check(self) -> None:
        """Raise Superseded if there is a writer of a higher generation."""
        if any(other.generation > self.writer.generation for other in writers(self.objects)):
            raise Superseded(
                f"a study in an object store is written by one process, but another has gone on "
                f"with {self.objects.uri} since this one did not answer for {_DEAD_S:.0f} s; leave "
                "it to that one."
            )

    def release(self) -> None:
        """Let whoever comes next write at once."""
        with self._lock:
            self._say(_ENDED)
            self._is_released = True

    def _say(self, beat: str) -> None:
        told = {"schema": SCHEMA, "beat": beat}
        self.objects.put(self.writer.claim, json.dumps(told).encode())


def writers(objects: Objects) -> list[Writer]:
    """All that ever wrote, the newest first."""
    found = (_NAME.match(name) for name in objects.names(FOLDER))
    return sorted((Writer(int(match[1]), match[2]) for match in found if match), reverse=True)


def claim(
    objects: Objects, own: Writer | None, say: Callable[[str], None], dead_s: float = _DEAD_S
) -> Claim:
    """Take the right to write.

    Args:
        objects: of the store.
        own: a writer that is known to be dead, since it ran here; None if there was none.
        say: is told if this waits.
        dead_s: so long a writer may not have renewed before it is taken for dead.

    Raises:
        InputError: if another writer lives, or takes the right at this very moment.
        Unreachable: if the store does not answer.
    """
    there = writers(objects)
    newest = there[0].generation if there else 0
    rivals = [each for each in there if each.generation == newest and each != own]
    if any(beat != _ENDED for beat in _beats(objects, rivals)):
        _wait_until_dead(objects, rivals, say, dead_s)
    taken = Writer(newest + 1, secrets.token_hex(8))
    made = Claim(objects, taken)
    made._say("0")
    if any(w.generation >= taken.generation and w != taken for w in writers(objects)):
        objects.remove(taken.claim)
        raise InputError(
            f"a study in an object store is written by one process, but another takes "
            f"{objects.uri} at this very moment; if it does not run soon, try again."
        )
    return made


def _wait_until_dead(
    objects: Objects, rivals: Sequence[Writer], say: Callable[[str], None], dead_s: float
) -> None:
    say(f"{objects.uri} was not left in order: watching for {dead_s:.0f} s if its writer lives")
    first, ends = _beats(objects, rivals), time.monotonic() + dead_s
    while time.monotonic() < ends:
        time.sleep(min(_POLL_S, dead_s / 10))
        now = _beats(objects, rivals)
        if all(beat == _ENDED for beat in now):
            return
        if any(beat not in (_ENDED, was) for beat, was in zip(now, first, strict=True)):
            raise InputError(
                f"a study runs in one place at a time, but {objects.uri} is running already, "
                "elsewhere."
            )


def _beats(objects: Objects, rivals: Sequence[Writer]) -> list[str]:
    """What each writer said last; one whose object is gone has withdrawn, or was replaced."""
    return [_beat_of(objects, writer) for writer in rivals]


def _beat_of(objects: Objects, writer: Writer) -> str:
    try:
        told = json.loads(objects.get(writer.claim))
        schema, beat = told["schema"], str(told["beat"])
    except FileNotFoundError:
        return _ENDED
    except (ValueError, KeyError, TypeError):
        return "cannot be read"
    check_schema(f"{objects.uri}/{writer.claim}", schema, SCHEMA)
    return beat
