"""One device, many trials: those that wait at the same time are trained as one pack.

Each of Tune's trials keeps its own process, identity and fate; only its training happens here.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import count

from raysearch.packs import pack_key, packs
from raysearch.samples import TwoSample
from raysearch.trial import Setup, TrialPack, TrialResult
from raysearch.tuning.assignments import Trials

# Trials begin within a few milliseconds of each other; waiting costs less than a pack too small.
_GATHER_S = 0.05
# A pack runs ahead of the slowest of its trials by this many epochs at most.
_AHEAD = 1


class NotBegunError(LookupError):
    """The trainer knows nothing of this trial: it was started anew since."""


class Trainer:
    """Gathers compatible trials and trains them as one; every method may run in its own thread."""

    def __init__(self, sample: TwoSample, task: Trials) -> None:
        """Wait for trials.

        Args:
            sample: what they train on.
            task: how trials are run.
        """
        self._sample, self._task = sample, task
        self._changed = threading.Condition()
        self._waiting: dict[int, Setup] = {}
        self._results: dict[int, deque[TrialResult | Exception]] = {}
        self._heard: dict[int, int] = {}
        self._packs: list[list[int]] = []
        threading.Thread(target=self._train_for_ever, daemon=True).start()

    def begin(self, index: int, setup: Setup) -> None:
        """Queue a trial.

        Raises:
            InputError: if its detector or a hyperparameter is unknown or out of range.
        """
        pack_key(setup)
        with self._changed:
            self._results[index], self._heard[index] = deque(), 0
            self._waiting[index] = setup
            self._changed.notify_all()

    def advance(self, index: int) -> TrialResult:
        """The result after the trial's next epoch, as soon as there is one.

        Raises:
            Exception: what made the trial fail.
            NotBegunError: if this trainer never saw it.
        """
        with self._changed:
            if index not in self._results:
                raise NotBegunError(f"trial {index} must begin before it advances.")
            results = self._results[index]
            self._changed.wait_for(lambda: results)
            result = results.popleft()
            self._changed.notify_all()
        if isinstance(result, Exception):
            raise result
        return result

    def end(self, index: int) -> None:
        """The trial is over or was stopped; the others of its pack go on."""
        with self._changed:
            self._results.pop(index, None)
            self._waiting.pop(index, None)
            self._changed.notify_all()

    def packs(self) -> list[list[int]]:
        """Trials of every pack so far."""
        return self._packs

    def _train_for_ever(self) -> None:
        while True:
            together = self._gather()
            self._packs.append(list(together))
            self._train_guarded(together)

    def _gather(self) -> dict[int, Setup]:
        """The next pack, taken from those that wait."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._waiting)
                self._changed.wait_for(lambda: len(self._waiting) >= self._task.capacity, _GATHER_S)
                if self._waiting:
                    break
            together = packs(self._waiting, self._task.capacity)[0]
            self._waiting = {i: s for i, s in self._waiting.items() if i not in together}
        return together

    def _train_guarded(self, setups: dict[int, Setup]) -> None:
        """Train; if the pack as a whole fails, each alone, so that one cannot fail the others."""
        try:
            self._train(setups)
        except Exception as error:
            if len(setups) == 1:
                self._publish(dict.fromkeys(setups, error), sys.maxsize)
                return
            for index, setup in setups.items():
                self._train_guarded({index: setup})

    def _train(self, setups: dict[int, Setup]) -> None:
        task = self._task
        rungs = task.rungs(next(iter(setups.values())).detector)
        pack = TrialPack(setups, self._sample, repeats=task.repeats, seed=task.seed, rungs=rungs)
        for step in count(1):
            if not pack.living:
                return
            self._publish(pack.step(), step)
            with self._changed:
                self._changed.wait_for(lambda: self._keeps_up(pack.living))
                pack.stop([index for index in pack.living if index not in self._results])

    def _keeps_up(self, indices: Sequence[int]) -> bool:
        return all(len(self._results.get(index, ())) <= _AHEAD for index in indices)

    def _publish(self, found: Mapping[int, TrialResult | Exception], step: int) -> None:
        """Hand over what a step gave, but not twice to trials whose pack has failed since."""
        with self._changed:
            for index, result in found.items():
                if index in self._results and step > self._heard[index]:
                    self._results[index].append(result)
                    self._heard[index] = step
            self._changed.notify_all()
