"""What all trials of a study share, as it is sent to workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from raysearch.detectors import detector
from raysearch.joint import as_setup
from raysearch.objectives import objective
from raysearch.packs import worthwhile
from raysearch.racing import Rung, ladder
from raysearch.samples import TwoSample, View
from raysearch.trial import Setup


@dataclass(frozen=True)
class Task:
    """What all trials of a study share.

    Attributes:
        samples: the two samples of each mode and feature set; see `share`.
        repeats: fits of each setup.
        seed: of the study.
        objective: name of the metric that trials are compared by.
        races: whether trials that fall behind are stopped.
        capacity: trials that are trained as one pack at most.
        share: of a GPU, by which a worker measures how many are worth it; None if the user said.
        timeout_s: of a trial; None for no limit.
        families: of detectors that trials may have; a worker imports what they need at its start.
        trainers: actors that train for Tune's trials; none if each trains for itself.
    """

    samples: Mapping[View, TwoSample]
    repeats: int
    seed: int
    objective: str = "val_sic"
    races: bool = False
    capacity: int = 1
    share: float | None = None
    timeout_s: float | None = None
    families: frozenset[str] = frozenset()
    trainers: tuple[Any, ...] = ()

    @property
    def also(self) -> tuple[str, ...]:
        """The objective, which not every fit may have."""
        return (self.objective,)

    def setup(self, config: Mapping[str, Any]) -> Setup:
        """The setup of a trial from what the joint space returned."""
        return as_setup(config)

    def rungs(self, family: str) -> tuple[Rung, ...]:
        """Where trials of a detector are compared with others; nowhere if there is no race."""
        if not self.races:
            return ()
        in_pairs = objective(self.objective).is_pooled
        return ladder(self.repeats, detector(family).search_epochs, in_pairs)

    def capacity_of(self, setup: Setup, sample: TwoSample) -> int:
        """Trials of such a setup in a pack at most; asked where they are trained."""
        if self.share is None or self.capacity == 1:
            return self.capacity
        most = worthwhile(setup, sample, self.repeats, self.share)
        return self.capacity if most is None else min(self.capacity, most)
