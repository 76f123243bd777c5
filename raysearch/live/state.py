"""The whole state of a page, refreshed from the study's directory, as messages to viewers."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from raysearch.directories import LOCK
from raysearch.live.feed import Feed, News, Parameters, Running, Unreadable
from raysearch.live.feeds import open_feed, place_of
from raysearch.live.links import Link, links
from raysearch.live.outcome import Stamp, outcome, stamp
from raysearch.live.phase import Phase, phase, read_about
from raysearch.live.plain import number, text
from raysearch.live.remote import RemoteStudy
from raysearch.live.running import is_held
from raysearch.live.tally import METRICS, Best, Tally
from raysearch.objectives import objective
from raysearch.records import trial_id
from raysearch.settings import Settings, listed
from raysearch.tuning.place import Place

_LINKS_EVERY_S = 30.0
_NOTHING: Mapping[str, Any] = {}


class Snapshot(NamedTuple):
    """The state at one moment; nothing in it changes any more.

    Attributes:
        life: changes when all that was sent before is void.
        rows: one a trial that ended, as JSON; later ones may follow in the same list.
        n_rows: how many of them belong to this state.
        head: all else that changes with the trials, as JSON.
        outcome: verdict and SIC curves, as JSON; "null" before there are any.
        figures: numbers of the head, for Prometheus.
    """

    life: str
    rows: list[bytes]
    n_rows: int
    head: bytes
    outcome: bytes
    figures: Mapping[str, Any]


@dataclass
class _Read:
    """What was read of a study so far; void when its database is another one."""

    tally: Tally
    life: str = field(default_factory=lambda: secrets.token_hex(4))
    running: Sequence[Running] = ()
    n_running: int = 0
    last_write: float | None = None
    best: Best | None = None
    parameters: Parameters = ()


class State:
    """Reads a study again and again; `refresh` is for one thread at a time."""

    def __init__(
        self,
        directory: Path,
        settings: Settings,
        now: Callable[[], float] = time.time,
        remote: RemoteStudy | None = None,
        database_host: str | None = None,
    ) -> None:
        """Read nothing yet.

        Args:
            directory: of the study.
            settings: of the study.
            now: seconds since 1970.
            remote: of which the directory is a copy.
            database_host: see `raysearch.live.interface.dashboard`.
        """
        self._directory, self._settings, self._now = directory, settings, now
        self._remote, self._database_host = remote, database_host
        self._place: Place | None = None
        self._feed: Feed | None = None
        self._read = self._nothing()
        self._problem = ""
        self._about = _NOTHING
        self._stamp: Stamp | None = None
        self._outcome = b"null"
        self._links: list[Link] = []
        self._links_due = 0.0

    def refresh(self) -> Snapshot:
        """The state now; costs what is new."""
        self._about = read_about(self._directory) or self._about
        self._read_trials()
        self._read_outcome()
        if self._now() >= self._links_due:
            self._links, self._links_due = (
                links(self._directory, self._place),
                self._now() + _LINKS_EVERY_S,
            )
        figures = self._figures()
        read = self._read
        return Snapshot(
            read.life,
            read.tally.rows,
            len(read.tally.rows),
            _json({**self._told(), **figures}),
            self._outcome,
            figures,
        )

    def _nothing(self) -> _Read:
        return _Read(Tally(objective(self._settings.objective)))

    def _read_trials(self) -> None:
        try:
            feed = self._followed()
        except Unreadable as reason:
            self._problem = f"{reason}."
            return
        try:
            news = feed.news()
            if news is not None:
                self._take(news, feed)
            self._problem = ""
        except Unreadable as reason:
            self._problem = f"{feed.name} cannot be read: {reason}."

    def _followed(self) -> Feed:
        """What reads the trials, where study.json says that they are kept."""
        place = place_of(self._about)
        if self._feed is None or place != self._place:
            self._feed = open_feed(self._directory, place, self._database_host)
            self._place = place
        return self._feed

    def _take(self, news: News, feed: Feed) -> None:
        if news.starts_anew:
            self._read = self._nothing()
        read = self._read
        read.tally.add(news.ended)
        read.running, read.n_running = news.running, news.n_running
        times = [trial.since for trial in news.running] + [read.tally.last_end]
        read.last_write = max((t for t in times if t is not None), default=None)
        if read.tally.best is not read.best:
            read.best = read.tally.best
            read.parameters = feed.parameters(read.best.number) if read.best else ()

    def _read_outcome(self) -> None:
        found = stamp(self._directory)
        if found != self._stamp:
            self._stamp = found
            self._outcome = b"null" if found is None else _json(outcome(self._directory))

    def _phase(self) -> Phase:
        last, left = self._read.last_write, self._settings.trials - len(self._read.tally.rows)
        silent_s = float("inf") if last is None else self._now() - last
        if self._remote is None:
            held, shown = is_held(self._directory / LOCK), str(self._directory)
        else:
            held, shown = self._remote.is_alive, self._remote.uri
        return phase(self._about, shown, held=held, left=left, silent_s=silent_s)

    def _figures(self) -> dict[str, Any]:
        """What changes with the trials."""
        read, tally, found = self._read, self._read.tally, self._phase()
        pace = tally.pace()
        correlation = tally.correlation()
        left = self._settings.trials - len(tally.rows)
        ends_at = None
        if pace and tally.last_end and found.name == "running":
            ends_at = round(tally.last_end + pace.interval_s * left, 1)
        return {
            "phase": found._asdict(),
            "goes_on": found.goes_on,
            "counts": {**tally.counts, "RUNNING": read.n_running, "asked": self._settings.trials},
            "pace": None if pace is None else {k: number(v) for k, v in pace._asdict().items()},
            "seconds": number(tally.seconds),
            "ends_at": ends_at,
            "last_write": read.last_write,
            "best": None if read.best is None else self._best(read.best, read.parameters),
            "correlation": None if correlation is None else correlation._asdict(),
        }

    def _best(self, best: Best, parameters: Parameters) -> dict[str, Any]:
        means = dict(zip(METRICS, best.means, strict=True))
        return {
            "trial": trial_id(best.number),
            "detector": best.detector,
            "objective": means[self._settings.objective],
            "means": means,
            "spread": best.spread,
            "parameters": list(parameters),
        }

    def _told(self) -> dict[str, Any]:
        read = self._read
        chosen = self._settings
        asked = ("mode", "features", "space", "sampler", "strategy", "repeats", "seed", "objective")
        return {
            "name": text((self._remote or self._directory.absolute()).name),
            "remote": None if self._remote is None else self._remote.told(),
            "settings": {name: _setting(getattr(chosen, name)) for name in asked},
            "direction": objective(chosen.objective).direction,
            "metrics": METRICS,
            "created": text(self._about.get("created", "")),
            "problem": text(self._problem),
            "detectors": read.tally.detectors,
            "running": [_running(trial) for trial in read.running],
            "failures": [
                {"reason": reason, "count": failure.count, "trials": failure.trials}
                for reason, failure in read.tally.failures.items()
            ],
            "links": [link._asdict() for link in self._links],
        }


def message(snapshot: Snapshot, life: str, position: int) -> bytes:
    """What a viewer that has `position` rows of a `life` needs, as JSON.

    Args:
        snapshot: the state now.
        life: of the rows that the viewer has.
        position: how many it has.
    """
    if life != snapshot.life or position > snapshot.n_rows:
        position = 0
    rows = b",".join(snapshot.rows[position : snapshot.n_rows])
    start = f'{{"life":"{snapshot.life}","from":{position},"now":{time.time():.1f},"rows":['
    return start.encode() + rows + b'],"head":' + snapshot.head + b"}"


def _setting(value: object) -> str:
    """A setting, or several, as text."""
    return text(listed(value) if isinstance(value, tuple) else value)


def _running(trial: Running) -> dict[str, Any]:
    return {
        "trial": trial_id(trial.number),
        "since": trial.since,
        "parameters": list(trial.parameters),
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
