"""Judge a snapshot: every metric of every member, on rows that member never trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeGuard, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from raysearch.detectors import Member, Snapshot
from raysearch.objectives import OBJECTIVES, Objective
from raysearch.samples import TwoSample
from raysearch.training.memory import members_judged_at_once

Values = Mapping[str, NDArray[np.float64]]


@runtime_checkable
class OnDevice(Protocol):
    """A snapshot that can leave its scores where it computes them."""

    @property
    def device(self) -> torch.device:
        """Where that is."""
        ...

    def logits(self, features: Tensor) -> Tensor:
        """(K, n) scores; (n, d) features or (R, n, d), whose blocks the members share in turn."""
        ...

    def take(self, members: Sequence[int]) -> Self:
        """The snapshot of these members alone, in this order."""
        ...


@dataclass(eq=False)
class _Question:
    """What is asked of each member: R blocks of events and their classes."""

    objectives: Sequence[Objective]
    features: NDArray[np.float32]
    classes: NDArray[np.bool_]
    _on_device: tuple[Tensor, Tensor] | None = None

    def on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Features and classes there; they are moved once."""
        if self._on_device is None:
            # A copy: arrays in shared memory cannot be written, of which torch would warn.
            features, classes = np.array(self.features), np.array(self.classes)
            self._on_device = (
                torch.from_numpy(features).to(device),
                torch.from_numpy(classes).to(device),
            )
        return self._on_device


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
        self._members = len(members)
        wanted = OBJECTIVES.values() if only is None else (only,)
        n = min(len(m.validation) for m in members)
        rows = np.stack([m.validation[:n] for m in members])
        blind = [o for o in wanted if not o.supervised]
        questions = [_Question(blind, sample.rows.features[rows], sample.rows.is_data[rows])]
        if sample.test is not None and sample.test_is_signal is not None:
            truth = np.broadcast_to(sample.test_is_signal, (len(members), len(sample.test)))
            supervised = [o for o in wanted if o.supervised]
            questions.append(_Question(supervised, sample.test, truth))
        # What nobody asks for is not even scored.
        self._questions = [question for question in questions if question.objectives]

    def values(self, snapshot: Snapshot) -> Values:
        """Each metric of each member: name -> (K,).

        Raises:
            ValueError: if a score is not finite.
        """
        (found,) = self.of_trials(snapshot, 1)
        if isinstance(found, ValueError):
            raise found
        return found

    def of_trials(self, snapshot: Snapshot, trials: int) -> list[Values | ValueError]:
        """Each metric of each member of trials that share the judge's validation rows.

        Args:
            snapshot: the members of one trial after those of another.
            trials: how many.

        Returns:
            Of each trial its values, or the error if one of its scores is not finite.
        """
        if on_accelerator(snapshot):
            return self._all_on_device(snapshot, trials)
        if trials == 1:
            return [self._on_host(snapshot)]
        return [self._on_host(snapshot.take(self._of(k, k + 1))) for k in range(trials)]

    def _of(self, first: int, last: int) -> range:
        """Members of these trials."""
        return range(first * self._members, last * self._members)

    def _on_host(self, snapshot: Snapshot) -> Values | ValueError:
        found: dict[str, NDArray[np.float64]] = {}
        try:
            for question in self._questions:
                scores = snapshot.scores(question.features)
                found |= {o.name: _each(o, question.classes, scores) for o in question.objectives}
        except ValueError as error:
            return error
        return found

    def _all_on_device(self, snapshot: OnDevice, trials: int) -> list[Values | ValueError]:
        """In one pass over as many trials as memory allows."""
        scored = max((q.classes.shape[1] for q in self._questions), default=1)
        span = max(1, members_judged_at_once(scored) // self._members)
        found: list[Values | ValueError] = []
        for first in range(0, trials, span):
            last = min(first + span, trials)
            values = self._on_device(snapshot.take(self._of(first, last)), last - first)
            for k in range(last - first):
                own = slice(k * self._members, (k + 1) * self._members)
                found.append(_finite({name: of[own] for name, of in values.items()}))
        return found

    def _on_device(self, snapshot: OnDevice, trials: int) -> Values:
        found: dict[str, NDArray[np.float64]] = {}
        for question in self._questions:
            features, classes = question.on(snapshot.device)
            scores = snapshot.logits(features)
            found |= judged_on_device(question.objectives, classes.repeat(trials, 1), scores)
        return found


def on_accelerator(snapshot: Snapshot) -> TypeGuard[OnDevice]:
    """Whether scores are better judged where they are computed."""
    return isinstance(snapshot, OnDevice) and snapshot.device.type != "cpu"


def judged_on_device(
    objectives: Sequence[Objective], classes: Tensor, scores: Tensor
) -> dict[str, NDArray[np.float64]]:
    """Each metric of (K, n) classes and scores, computed where they are: name -> (K,).

    A member of which some score is not finite has NaN.
    """
    values = torch.stack([o.on_device(classes, scores) for o in objectives]).cpu().numpy()
    return {o.name: own for o, own in zip(objectives, values, strict=True)}


def _finite(values: Values) -> Values | ValueError:
    if any(np.isnan(of).any() for of in values.values()):
        return ValueError("scores must be finite, but some are not.")
    return values


def _each(
    objective: Objective, classes: NDArray[np.bool_], scores: NDArray[np.floating]
) -> NDArray[np.float64]:
    pairs = zip(classes, scores, strict=True)
    return np.array([objective.function(of_class, score) for of_class, score in pairs])
