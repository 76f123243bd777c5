"""What a page reads of the trials of a study that other processes run; see `Feed`.

A file may be a crafted one, and a server somebody else's: nothing that stands there is trusted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from raysearch.live.plain import text

# Running trials that are listed, and parameters of each.
LISTED = 24
MOST_PARAMETERS = 64

Parameters = Sequence[tuple[str, str]]


class Unreadable(Exception):
    """The history cannot be read now; the message says why, for a user."""


class Ended(NamedTuple):
    """A trial that has ended.

    Attributes:
        number: its index.
        at: when, in seconds since 1970; None if the history does not say.
        record: fields of a `raysearch.records.Record`, unchecked.
    """

    number: int
    at: float | None
    record: Mapping[str, Any]


class Running(NamedTuple):
    """A trial that was given to a worker.

    Attributes:
        number: its index.
        since: when, in seconds since 1970; None if the history does not say.
        parameters: name and value as text.
    """

    number: int
    since: float | None
    parameters: Parameters


class News(NamedTuple):
    """What the history holds that it did not hold before.

    Attributes:
        starts_anew: whether it is another history, so that all earlier news are void.
        ended: trials, in the order in which they ended.
        running: the first of those that run now.
        n_running: how many do.
    """

    starts_anew: bool
    ended: list[Ended]
    running: list[Running]
    n_running: int


class Feed(Protocol):
    """Reads the history of a study again and again, each time what is new.

    It writes nothing and takes no lock that a driver would have to wait for. What it does in one
    call is bounded, whatever the history holds.
    """

    @property
    def name(self) -> str:
        """Of the history, for a user."""

    def news(self) -> News | None:
        """What is new; None while there is no history.

        Raises:
            Unreadable: if it is no history of a study, or cannot be read just now.
        """

    def parameters(self, number: int) -> Parameters:
        """Parameters of a trial as text; none of one that is not known.

        Raises:
            Unreadable: as `news`.
        """


def seconds(when: Any) -> float | None:
    """A time of Optuna, which is in UTC, as seconds since 1970; None of anything else.

    Example:
        >>> seconds("1970-01-01 00:00:01.5"), seconds("1970-01-01T00:00:01+00:00"), seconds(7)
        (1.5, 1.0, None)
    """
    try:
        return datetime.fromisoformat(str(when)).replace(tzinfo=UTC).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def record(told: Any) -> Mapping[str, Any]:
    """A record that is kept as text in JSON; empty if it is none."""
    try:
        found = json.loads(told)
    except (TypeError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def parameters(kept: Iterable[tuple[Any, Any, Any]]) -> Parameters:
    """Parameters as text, of which a name, the stored number and the distribution are kept."""
    return [(text(name), text(value(stored, told))) for name, stored, told in kept]


def value(stored: Any, distribution: Any) -> Any:
    """What a stored number stands for: a choice, a whole number, or itself.

    Args:
        stored: as Optuna keeps it.
        distribution: of the parameter, in JSON.
    """
    try:
        kind = json.loads(distribution)
        name, choices = kind["name"], kind["attributes"].get("choices")
        if name == "CategoricalDistribution":
            return choices[int(stored)]
        return int(stored) if name == "IntDistribution" else f"{stored:.4g}"
    except (
        *(TypeError, ValueError, KeyError, IndexError, AttributeError),
        *(OverflowError, RecursionError),
    ):
        return stored
