"""Who has which trial of a study, as far as a driver knows."""

from __future__ import annotations

from collections.abc import Callable

from raysearch.tuning.drivers import Drivers


class Ledger:
    """Trials that nobody has yet, that a driver has, and that have ended."""

    def __init__(self, trials: int, me: str, is_alive: Callable[[str], bool]) -> None:
        """Nobody has anything.

        Args:
            trials: asked for in total.
            me: name of this driver.
            is_alive: whether a driver still runs.
        """
        self.me = me
        self._trials, self._is_alive = trials, is_alive
        self._open: dict[int, str] = {}
        self._of: dict[str, set[int]] = {}
        self._ended: set[int] = set()
        self._dead: list[str] = []
        self._from = 0

    @property
    def left(self) -> int:
        """Trials that could be taken: nobody has them, or somebody who is dead."""
        untouched = self._trials - len(self._open) - len(self._ended)
        return untouched + sum(len(self._of[driver]) for driver in self._dead)

    @property
    def is_over(self) -> bool:
        """Whether every trial has ended."""
        return len(self._ended) >= self._trials

    @property
    def mine(self) -> list[int]:
        """Trials that this driver has, in order."""
        return sorted(self._of.get(self.me, ()))

    def has_ended(self, index: int) -> bool:
        """Whether the trial has ended."""
        return index in self._ended

    def take(self, index: int, driver: str) -> None:
        """A driver has taken a trial, perhaps of one that is dead; an ended one stays as it is."""
        if index in self._ended:
            return
        self._release(index)
        self._open[index] = driver
        self._of.setdefault(driver, set()).add(index)

    def end(self, index: int) -> None:
        """A trial has ended, whoever had it."""
        self._release(index)
        self._ended.add(index)

    def look(self) -> None:
        """Find out who is dead."""
        self._dead = [d for d, has in self._of.items() if has and not self._is_alive(d)]

    def free(self) -> int | None:
        """The first trial that could be taken; None if there is none."""
        while self._from < self._trials and self._is_known(self._from):
            self._from += 1
        found = [min(has) for has in map(self._of.__getitem__, self._dead) if has]
        if self._from < self._trials:
            found.append(self._from)
        return min(found, default=None)

    def _is_known(self, index: int) -> bool:
        return index in self._open or index in self._ended

    def _release(self, index: int) -> None:
        driver = self._open.pop(index, None)
        if driver is not None:
            self._of[driver].discard(index)


def ledger_of(trials: int, drivers: Drivers) -> Ledger:
    """An empty ledger of this driver."""
    return Ledger(trials, drivers.me, drivers.is_alive)
