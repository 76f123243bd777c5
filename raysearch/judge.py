"""Judge a snapshot: every metric of every member, on rows that member never trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from raysearch.detectors import Member, Snapshot
from raysearch.objectives import OBJECTIVES, Objective
from raysearch.samples import TwoSample

Values = Mapping[str, NDArray[np.float64]]


@runtime_checkable
class OnDevice(Protocol):
    """A snapshot that can leave its scores where it computes them."""

    @property
    def device(self) -> torch.device:
        """Where that is."""
        ...

    def logits(self, features: NDArray[np.float32]) -> Tensor:
        """(K, n) scores; see `Snapshot.scores`."""
        ...


class Judge:
    """Computes the metrics of a snapshot on rows its members never trained on."""

    def __init__(
        self, sample: TwoSample, members: Sequence[Member], only: Objective | None = None
    ) -> None:
        """Gather the validation rows of the members once.

        Args:
            sample: rows, and test events if supervised metrics are wanted.
            members: their validation rows must be equally many, up to one or two that are dropped.
            only: compute no other metric; None for all that the sample allows.
        """
        wanted = OBJECTIVES.values() if only is None else (only,)
        n = min(len(m.validation) for m in members)
        rows = np.stack([m.validation[:n] for m in members])
        questions = [
            (
                [o for o in wanted if not o.supervised],
                sample.rows.features[rows],
                sample.rows.is_data[rows],
            )
        ]
        if sample.test is not None and sample.test_is_signal is not None:
            truth = np.broadcast_to(sample.test_is_signal, (len(members), len(sample.test)))
            questions.append(([o for o in wanted if o.supervised], sample.test, truth))
        # What nobody asks for is not even scored.
        self._questions = [question for question in questions if question[0]]

    def values(self, snapshot: Snapshot) -> Values:
        """Each metric of each member: name -> (K,).

        Raises:
            ValueError: if a score is not finite.
        """
        found: dict[str, NDArray[np.float64]] = {}
        for objectives, features, classes in self._questions:
            if isinstance(snapshot, OnDevice) and snapshot.device.type != "cpu":
                found |= judged_on_device(objectives, classes, snapshot.logits(features))
            else:
                scores = snapshot.scores(features)
                found |= {o.name: _each(o, classes, scores) for o in objectives}
        return found


def judged_on_device(
    objectives: Sequence[Objective], classes: NDArray[np.bool_], scores: Tensor
) -> dict[str, NDArray[np.float64]]:
    """Each metric of (K, n) classes and scores, computed where the scores are: name -> (K,).

    Raises:
        ValueError: if a score is not finite.
    """
    on_device = torch.from_numpy(np.ascontiguousarray(classes)).to(scores.device)
    values = torch.stack([o.on_device(on_device, scores) for o in objectives]).cpu().numpy()
    if np.isnan(values).any():
        raise ValueError("scores must be finite, but some are not.")
    return {o.name: own for o, own in zip(objectives, values, strict=True)}


def _each(
    objective: Objective, classes: NDArray[np.bool_], scores: NDArray[np.floating]
) -> NDArray[np.float64]:
    pairs = zip(classes, scores, strict=True)
    return np.array([objective.function(of_class, score) for of_class, score in pairs])
