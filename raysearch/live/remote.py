"""A study in an object store, followed by what its writer published last.

What a page needs is fetched into a temporary copy every few seconds, as far as it has changed;
neither the events nor the detectors. Nothing is written to the store, and no writer notices.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from raysearch.errors import InputError
from raysearch.live.plain import text
from raysearch.remote.objects import Objects
from raysearch.remote.restoring import Newest, check_room, fetch, newest_snapshot, published_at
from raysearch.remote.snapshots import Contents
from raysearch.remote.uri import name_of
from raysearch.remote.writers import RENEW_S, Writer, writers
from raysearch.study import SCORES, SELECTION, STUDY, TRIALS
from raysearch.tuning.place import DATABASE, JOURNAL_FILE

EVERY_S = 3.0
_TRIES = 5
# A writer that has not renewed its claim for so long is taken for dead.
_DEAD_S = 4 * RENEW_S
# The last word of one that has left the study in order.
_ENDED = "ended"
# What tells of the choices comes last: a page reads the other files when it sees it change.
_NEEDED = (DATABASE, JOURNAL_FILE, STUDY, TRIALS, SCORES, SELECTION)


class RemoteStudy:
    """A copy of a study's newest snapshot on this machine, kept up to date until it is closed.

    Attributes:
        uri: of the study.
        name: of the study.
        directory: of the copy.
    """

    def __init__(self, objects: Objects) -> None:
        """Fetch the snapshot that is there.

        Raises:
            InputError: if nothing is published there, no study, or the store does not answer.
        """
        self.uri, self.name = objects.uri, name_of(objects.uri)
        self._objects = objects
        self._folder = tempfile.TemporaryDirectory(prefix="raysearch-page-")
        self.directory = Path(self._folder.name) / "study"
        self.directory.mkdir()
        self._files: dict[str, Contents] = {}
        self._published: float | None = None
        self._problem = ""
        self._missed = 0
        self._beats: dict[Writer, str | None] | None = None
        self._seen_alive = -float("inf")
        self._closed = threading.Event()
        try:
            self._begin()
        except BaseException:
            self._folder.cleanup()
            raise
        self._thread = threading.Thread(target=self._follow, name="remote study", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether its writer has renewed its claim while this was looking, and not said goodbye."""
        return time.monotonic() - self._seen_alive < _DEAD_S

    def told(self) -> dict[str, Any]:
        """Where the snapshot is from, when it was published (s since 1970), and what is wrong."""
        return {
            "uri": text(self.uri),
            "published": self._published,
            "problem": text(self._problem),
        }

    def refresh(self) -> None:
        """Fetch what has changed; a store that does not answer is told as a problem."""
        try:
            self._missed = 0 if self._fetch() else self._missed + 1
            self._problem = self._restless if self._missed >= _TRIES else ""
        except (InputError, OSError) as error:
            self._problem = str(error)

    def close(self) -> None:
        """Follow it no longer, and remove the copy."""
        self._closed.set()
        # A store that does not answer keeps a thread for minutes; it holds nothing.
        self._thread.join(EVERY_S)
        with suppress(OSError):
            self._folder.cleanup()

    def _begin(self) -> None:
        # While one snapshot is fetched others are published, and the oldest goes away.
        if not any(self._fetch() for _ in range(_TRIES)):
            raise InputError(self._restless)
        if STUDY not in self._files:
            raise InputError(f"there must be a study at {self.uri}, but it holds no {STUDY}.")

    @property
    def _restless(self) -> str:
        return (
            f"a snapshot of a study must be whole, but that of {self.uri} is not, or changes "
            "faster than it can be read; try again, from where the way to the store is faster."
        )

    def _follow(self) -> None:
        pause_s = EVERY_S
        while not self._closed.wait(pause_s):
            began = time.monotonic()
            self.refresh()
            # However slow the store is, this rests for half of the time.
            pause_s = max(EVERY_S, time.monotonic() - began)

    def _fetch(self) -> bool:
        """Fetch what has changed; False if another snapshot took this one's place meanwhile."""
        self._look()
        with suppress(FileNotFoundError):
            newest = newest_snapshot(self._objects)
            if newest is None:
                raise InputError(
                    f"there must be a study at {self.uri}, but nothing is published there."
                )
            found = {name: newest.files[name] for name in _NEEDED if name in newest.files}
            self._update(newest, found)
            self._published = published_at(self._objects, newest)
            return True
        return False

    def _look(self) -> None:
        """Look for signs of life of who may write, who need not have published anything yet."""
        there = writers(self._objects)
        now = {w: self._beat(w) for w in there if w.generation == there[0].generation}
        known, self._beats = self._beats, now
        if all(beat is None for beat in now.values()):
            self._seen_alive = -float("inf")
        elif known is not None and any(b and b != known.get(w) for w, b in now.items()):
            self._seen_alive = time.monotonic()

    def _beat(self, writer: Writer) -> str | None:
        """What a writer said last, "" if nobody can tell; None of one that ended or withdrew."""
        try:
            beat = str(json.loads(self._objects.get(writer.claim))["beat"])
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, LookupError, RecursionError):
            return ""
        return None if beat == _ENDED else beat

    def _update(self, newest: Newest, found: dict[str, Contents]) -> None:
        """Replace what has changed, all of it or nothing."""
        changed = [name for name in found if found[name] != self._files.get(name)]
        check_room([found[name] for name in changed], self.directory, self.uri)
        with tempfile.TemporaryDirectory(dir=self._folder.name) as staging:
            for name in changed:
                fetch(self._objects, newest, name, Path(staging) / name)
            for name in changed:
                shutil.move(Path(staging) / name, self.directory / name)
        for name in set(self._files) - set(found):
            (self.directory / name).unlink(missing_ok=True)
        self._files = found
