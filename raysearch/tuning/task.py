"""What all trials of a study share, as it is sent to workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ray

from raysearch.samples import TwoSample
from raysearch.trial import Setup


@dataclass(frozen=True)
class Task:
    """What all trials of a study share.

    Attributes:
        sample: where the events lie in the object store, put there once.
        mode: background mode.
        features: feature set.
        repeats: fits of each setup.
        seed: of the study.
        capacity: trials that are trained as one pack at most.
        trainers: actors that train for Tune's trials; none if each trains for itself.
    """

    sample: ray.ObjectRef[TwoSample]
    mode: str
    features: str
    repeats: int
    seed: int
    capacity: int = 1
    trainers: tuple[Any, ...] = ()

    def setup(self, config: Mapping[str, Any]) -> Setup:
        """The setup of a trial from what the search space returned."""
        return Setup(self.mode, self.features, config["detector"], config["parameters"])
