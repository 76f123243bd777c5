"""One device, many trials: those that wait at the same time are trained as one pack.

Each of Tune's trials keeps its own process, identity and fate; only its training happens here.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence

from raysearch.packs import pack_key, packs
from raysearch.samples import TwoSample
from raysearch.trial import Setup, TrialPack, TrialResult

# Trials begin within a few milliseconds of each other; waiting costs less than a pack too small.
_GATHER_S = 0.05
# A pack runs ahead of the slowest of its trials by this many epochs at most.
_AHEAD = 1


class NotBegunError(LookupError):
    """The trainer knows nothing of this trial: it was started anew since."""


class Trainer:
    """Gathers compatible trials and trains them as one; every method may run in its own thread."""

    def __init__(self, sample: TwoSample, repeats: int, seed: int, capacity: int) -> None:
        """Wait for trials.

        Args:
            sample: what they train on.
            repeats: fits of each.
            seed: of the study.
            capacity: trials in a pack at most.
        """
        self._sample, self._repeats, self._seed, self._capacity = sample, repeats, seed, capacity
        self._changed = threading.Condition()
        self._waiting: dict[int, Setup] = {}
        self._results: dict[int, deque[TrialResult | Exception]] = {}
        self._epochs: dict[int, int] = {}
        self._packs: list[list[int]] = []
        threading.Thread(target=self._train_for_ever, daemon=True).start()

    def begin(self, index: int, setup: Setup) -> None:
        """Queue a trial.

        Raises:
            InputError: if its detector or a hyperparameter is unknown or out of range.
        """
        pack_key(setup)
        with self._changed:
            self._results[index], self._epochs[index] = deque(), 0
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
                self._changed.wait_for(lambda: len(self._waiting) >= self._capacity, _GATHER_S)
                if self._waiting:
                    break
            together = packs(self._waiting, self._capacity)[0]
            self._waiting = {i: s for i, s in self._waiting.items() if i not in together}
        return together

    def _train_guarded(self, setups: dict[int, Setup]) -> None:
        """Train; if the pack as a whole fails, each alone, so that one cannot fail the others."""
        try:
            self._train(setups)
        except Exception as error:
            if len(setups) == 1:
                self._publish(dict.fromkeys(setups, error))
                return
            for index, setup in setups.items():
                self._train_guarded({index: setup})

    def _train(self, setups: dict[int, Setup]) -> None:
        pack = TrialPack(setups, self._sample, repeats=self._repeats, seed=self._seed)
        while pack.living:
            self._publish(pack.step())
            with self._changed:
                self._changed.wait_for(lambda: self._keeps_up(pack.living))
                pack.stop([index for index in pack.living if index not in self._results])

    def _keeps_up(self, indices: Sequence[int]) -> bool:
        return all(len(self._results.get(index, ())) <= _AHEAD for index in indices)

    def _publish(self, found: Mapping[int, TrialResult | Exception]) -> None:
        with self._changed:
            for index, result in found.items():
                if index in self._results and self._is_new(index, result):
                    self._results[index].append(result)
            self._changed.notify_all()

    def _is_new(self, index: int, result: TrialResult | Exception) -> bool:
        """False for the epochs that a trial has heard of already, before its pack failed."""
        if isinstance(result, Exception):
            return True
        heard, self._epochs[index] = self._epochs[index], max(self._epochs[index], result.epochs)
        return result.epochs > heard
