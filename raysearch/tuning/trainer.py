"""One device, many trials: those that wait at the same time are trained as one pack.

Each of Tune's trials keeps its own process, identity and fate; only its training happens here.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

from ray.exceptions import RayError

from raysearch.packs import pack_key, packs
from raysearch.samples import TwoSample, View
from raysearch.trial import Setup, TrialPack, TrialResult
from raysearch.tuning.assignments import Trials

# Trials begin within a few milliseconds of each other; waiting costs less than a pack too small.
_GATHER_S = 0.05
# A pack runs ahead of the slowest of its trials by this many epochs, then waits for so long; not
# for ever, since the process of a trial may be dead.
_AHEAD = 1
_PATIENCE_S = 1.0


class NotBegunError(LookupError):
    """The trainer knows nothing of this trial: it was started anew since."""


@dataclass(eq=False)
class _Run:
    """One try at a trial; Tune may begin a trial again in another process."""

    owner: str
    setup: Setup
    results: deque[TrialResult | Exception] = field(default_factory=deque)
    heard: int = 0


class Trainer:
    """Gathers compatible trials and trains them as one; every method may run in its own thread."""

    def __init__(self, samples: Mapping[View, TwoSample], task: Trials) -> None:
        """Wait for trials.

        Args:
            samples: what they train on, by mode and feature set.
            task: how trials are run.
        """
        self._samples, self._task = samples, task
        self._changed = threading.Condition()
        self._runs: dict[int, _Run] = {}
        self._waiting: dict[int, _Run] = {}
        threading.Thread(target=self._train_for_ever, daemon=True).start()

    def begin(self, index: int, owner: str, setup: Setup) -> None:
        """Queue a trial.

        Args:
            index: of the trial.
            owner: of this try at it; an earlier try of another owner ends here.
            setup: what is trained.

        Raises:
            InputError: if its detector or a hyperparameter is unknown or out of range.
        """
        pack_key(setup)
        with self._changed:
            self._runs[index] = self._waiting[index] = _Run(owner, setup)
            self._changed.notify_all()

    def advance(self, index: int, owner: str) -> TrialResult:
        """The result after the trial's next epoch, as soon as there is one.

        Raises:
            Exception: what made the trial fail.
            NotBegunError: if this trainer does not know this try at it, or not any more.
        """
        with self._changed:
            run = self._runs.get(index)
            known = run is not None and run.owner == owner
            if run is not None and known:
                self._changed.wait_for(lambda: run.results or self._runs.get(index) is not run)
            if run is None or not known or not run.results:
                raise NotBegunError(f"trial {index} must begin before it advances.")
            result = run.results.popleft()
            self._changed.notify_all()
        if isinstance(result, Exception):
            raise result
        return result

    def end(self, index: int, owner: str) -> None:
        """This try is over or was stopped; the others of its pack go on."""
        with self._changed:
            if index in self._runs and self._runs[index].owner == owner:
                del self._runs[index]
                self._waiting.pop(index, None)
                self._changed.notify_all()

    def _train_for_ever(self) -> None:
        while True:
            try:
                runs = self._gather()
            except Exception as error:
                self._refuse(error)
            else:
                self._train_guarded(runs)

    def _gather(self) -> dict[int, _Run]:
        """The next pack, taken from those that wait."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._waiting)
                self._changed.wait_for(lambda: len(self._waiting) >= self._task.capacity, _GATHER_S)
                if self._waiting:
                    break
            setups = {index: run.setup for index, run in self._waiting.items()}
            try:
                chosen = packs(setups, self._capacity)[0]
            except (RayError, LookupError):
                # The events cannot be had: each trial hears of it by itself.
                first = min(setups)
                chosen = {first: setups[first]}
            return {index: self._waiting.pop(index) for index in chosen}

    def _refuse(self, reason: Exception) -> None:
        """Tell all that wait why no pack can be made of them; nobody else would answer them."""
        with self._changed:
            self._publish(self._waiting, dict.fromkeys(self._waiting, reason), sys.maxsize)
            self._waiting.clear()

    def _capacity(self, setup: Setup) -> int:
        return self._task.capacity_of(setup, self._samples[setup.view])

    def _train_guarded(self, runs: Mapping[int, _Run]) -> None:
        """Train; if the pack as a whole fails, each alone, so that one cannot fail the others."""
        try:
            self._train(runs)
        except Exception as error:
            if len(runs) == 1:
                self._publish(runs, dict.fromkeys(runs, error), sys.maxsize)
                return
            for index, run in runs.items():
                self._train_guarded({index: run})

    def _train(self, runs: Mapping[int, _Run]) -> None:
        task, setups = self._task, {index: run.setup for index, run in runs.items()}
        first = next(iter(setups.values()))
        pack = TrialPack(
            setups,
            self._samples[first.view],
            repeats=task.repeats,
            seed=task.seed,
            rungs=task.rungs(first.detector),
            also=task.also,
        )
        for step in count(1):
            if not pack.living:
                return
            self._publish(runs, pack.step(), step)
            with self._changed:
                self._changed.wait_for(
                    lambda: all(self._keeps_up(index, runs[index]) for index in pack.living),
                    _PATIENCE_S,
                )
                pack.stop([i for i in pack.living if self._runs.get(i) is not runs[i]])

    def _keeps_up(self, index: int, run: _Run) -> bool:
        return self._runs.get(index) is not run or len(run.results) <= _AHEAD

    def _publish(
        self, runs: Mapping[int, _Run], found: Mapping[int, TrialResult | Exception], step: int
    ) -> None:
        """Hand over what a step gave, but not twice to trials whose pack has failed since."""
        with self._changed:
            for index, result in found.items():
                if step > runs[index].heard:
                    runs[index].results.append(result)
                    runs[index].heard = step
            self._changed.notify_all()
