"""What both backends keep of a running search: the next setup, and every end at once on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from optuna.trial import Trial

from raysearch.racing import Race
from raysearch.records import Record
from raysearch.spaces import Space
from raysearch.tuning.history import History

OnRecord = Callable[[int, Record], None]


@dataclass(frozen=True)
class Suggestion:
    """A trial that is to be run.

    Attributes:
        index: of the trial.
        config: what the search space returned: detector and parameters.
    """

    index: int
    config: dict[str, Any]


class Book:
    """Takes setups from a study's history and enters how their trials ended.

    What is entered becomes durable, and is told, with the next `flush`: one write for all trials
    that began or ended since the last one.
    """

    def __init__(self, history: History, space: Space, on_record: OnRecord) -> None:
        """Open the book.

        Args:
            history: of the study.
            space: define-by-run function.
            on_record: called with index and record when a trial has ended and is on disk.
        """
        self.history = history
        self._space, self._on_record = space, on_record
        self._open: dict[int, Trial] = {}
        self._untold: list[tuple[int, Record]] = []
        self._written = True
        self._race: Race | None = None

    @property
    def is_written(self) -> bool:
        """Whether all that was entered is durable and told."""
        return self._written

    def race(self) -> Race:
        """What finished trials reached; it hears what other drivers' trials reach."""
        self._race = self.history.race()
        return self._race

    def next(self) -> Suggestion | None:
        """The next setup; what cannot be suggested has failed.

        Returns:
            None if none is left, or if the next one has to wait for others to end.
        """
        while self.history.left and not self.history.must_wait and (asked := self._ask()):
            index, trial = asked
            self._open[index] = trial
            try:
                config = self._space(trial)
                _ = config["detector"], config["parameters"]
            except Exception as error:  # the user's function; one bad branch is one failed trial
                reason = f"the search space raised {type(error).__name__}: {error}"
                self.enter(index, Record("FAIL", {}, 0, 0.0, reason, "unknown"))
                continue
            self.history.begin(trial)
            self._written = False
            return Suggestion(index, config)
        return None

    def look(self) -> None:
        """Learn what other drivers did, and tell it."""
        self.history.look()
        self._hear()
        self.flush()

    def enter(self, index: int, record: Record) -> None:
        """Enter how a trial ended."""
        self.history.finish(self._open.pop(index), record)
        self._untold.append((index, record))
        self._written = False

    def flush(self) -> None:
        """Make what was entered durable, then tell it."""
        if self._written:
            return
        self.history.commit()
        self._written = True
        told, self._untold = self._untold, []
        for index, record in told:
            self._on_record(index, record)

    def reopen(self) -> None:
        """Give again what was left open; nothing may be running."""
        self.flush()
        if self._open:
            self._open.clear()
            self.history.recover()

    def _ask(self) -> tuple[int, Trial] | None:
        asked = self.history.ask()
        self._hear()
        return asked

    def _hear(self) -> None:
        """What ended elsewhere is told like what ends here."""
        heard = self.history.heard()
        if self._race is not None:
            for index, record in heard:
                self._race.recall(index, record.reached)
        self._untold += heard
        self._written = self._written and not heard
