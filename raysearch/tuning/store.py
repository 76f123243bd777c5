"""What keeps the trials of a study, for several drivers at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from raysearch.objectives import Objective
from raysearch.tuning.ledger import Ledger

# Of what raysearch itself keeps in Optuna's tables: who has a trial, and how it ended.
SCHEMA = 1
SCHEMA_KEY, RECORD_KEY, DRIVER_PREFIX = "schema", "record", "driver/"


class Claim(NamedTuple):
    """A trial that this driver has and nobody else.

    Attributes:
        number: of the trial, its index.
        params: that it was given by a driver that died of it or before; empty if there are none.
    """

    number: int
    params: Mapping[str, Any]


class Store(Protocol):
    """Trials of one study by index; one object serves one driver.

    What `begin` and `end` write is durable, and visible to others, from the next `commit`. A claim
    holds at once.
    """

    @property
    def ledger(self) -> Ledger:
        """Who has which trial, as of the last `refresh`, `claim` or `trials`."""

    def trials(self) -> dict[int, FrozenTrial]:
        """All trials that somebody took, without their times; read anew."""

    def refresh(self) -> None:
        """Learn what other drivers took and ended."""

    def ended(self) -> dict[int, FrozenTrial]:
        """Trials of other drivers that were learned to have ended since this was last asked."""

    def claim(self) -> Claim | None:
        """Take the first trial that nobody has who lives; None if there is none."""

    def begin(self, trial: FrozenTrial) -> None:
        """Parameters of a claimed trial; what an earlier driver gave it stays as it is."""

    def end(self, trial: FrozenTrial, record: str) -> None:
        """State, value and last reported value of a claimed trial, and its record.

        If it has ended already, in the hands of a driver that was taken for dead, that end counts.
        """

    def commit(self) -> None:
        """Make all that was written durable; one write however many trials it is about."""

    def close(self) -> None:
        """Let go of the storage."""


def direction_of(objective: Objective) -> StudyDirection:
    """Optuna's word for what is better."""
    return StudyDirection.MAXIMIZE if objective.direction == "max" else StudyDirection.MINIMIZE


def now() -> datetime:
    """The time in UTC, as Optuna keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)
