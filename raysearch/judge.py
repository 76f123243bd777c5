"""Judge a snapshot: every metric of every member, on rows that member never trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from raysearch.detectors import Member, Snapshot
from raysearch.excess import template_rank
from raysearch.objectives import EVERY, Objective
from raysearch.samples import TwoSample
from raysearch.seeds import generator

if TYPE_CHECKING:
    import torch
    from torch import Tensor

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


class _Asked(NamedTuple):
    """Metrics and what they take to be the classes of R blocks of n events, (R, n)."""

    objectives: Sequence[Objective]
    classes: NDArray[np.bool_]


@dataclass(eq=False)
class _Question:
    """What is asked of each member: R blocks of events, scored once for all metrics."""

    features: NDArray[np.float32]
    asked: Sequence[_Asked]
    _on_device: tuple[Tensor, list[Tensor]] | None = None

    def on(self, device: torch.device) -> tuple[Tensor, list[Tensor]]:
        """Features there, and of all that is asked the classes; they are moved once."""
        import torch  # trees are judged without it

        if self._on_device is None:
            # Copies: arrays in shared memory cannot be written, of which torch would warn.
            features, *classes = (
                torch.from_numpy(np.array(values)).to(device)
                for values in (self.features, *(asked.classes for asked in self.asked))
            )
            self._on_device = features, classes
        return self._on_device


def _of_validation(
    sample: TwoSample, members: Sequence[Member], wanted: Sequence[Objective], seeds: Sequence[int]
) -> _Question:
    n = min(len(m.validation) for m in members)
    rows = np.stack([m.validation[:n] for m in members])
    classes = sample.rows.is_data[rows]
    plain, lucky = ([o for o in wanted if o.is_permuted is is_so] for is_so in (False, True))
    asked = [_Asked(plain, classes)]
    if lucky:
        pairs = zip(classes, seeds, strict=True)
        permuted = np.stack([generator(seed, "classes").permutation(c) for c, seed in pairs])
        asked.append(_Asked(lucky, permuted))
    return _Question(sample.rows.features[rows], asked)


class Judge:
    """Computes the metrics of a snapshot on rows its members never trained on."""

    def __init__(
        self,
        sample: TwoSample,
        members: Sequence[Member],
        only: Objective | None = None,
        *,
        also: Sequence[Objective] = (),
        seeds: Sequence[int] = (),
        swap: bool = False,
    ) -> None:
        """Gather the validation rows of the members once.

        Args:
            sample: rows, and test events if supervised metrics are wanted.
            members: their validation rows must be equally many, up to one or two that are dropped.
            only: compute no other metric; None for those of every fit and what is in `also`.
            also: metrics that are computed where somebody asks for them.
            seeds: of each member, by which classes are permuted for a metric that wants them so.
            swap: whether each two members swap their halves, so that a metric of pooled rows is
                one of both; else it is each member's own.
        """
        self._members, self._swap = len(members), swap
        wanted = (*EVERY, *also) if only is None else (only,)
        blind, supervised = (
            [o for o in wanted if o.supervised is is_so] for is_so in (False, True)
        )
        self._questions: list[_Question] = []
        # What nobody asks for is not even scored.
        if blind:
            self._questions.append(_of_validation(sample, members, blind, seeds))
        if supervised and sample.test is not None and sample.test_is_signal is not None:
            truth = np.broadcast_to(sample.test_is_signal, (len(members), len(sample.test)))
            self._questions.append(_Question(sample.test, [_Asked(supervised, truth)]))

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
                for objectives, classes in question.asked:
                    found |= {o.name: self._each(o, classes, scores) for o in objectives}
        except ValueError as error:
            return error
        return found

    def _each(
        self, objective: Objective, classes: NDArray[np.bool_], scores: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """(K,) values of one trial's members."""
        if objective.is_pooled and self._swap:
            return pooled(objective, classes, scores)
        pairs = zip(classes, scores, strict=True)
        return np.array([objective.function(of_class, score) for of_class, score in pairs])

    def _all_on_device(self, snapshot: OnDevice, trials: int) -> list[Values | ValueError]:
        """In one pass over as many trials as memory allows."""
        from raysearch.training.memory import members_judged_at_once

        scored = max((q.asked[0].classes.shape[1] for q in self._questions), default=1)
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
        from raysearch.device_judge import judged_on_device

        found: dict[str, NDArray[np.float64]] = {}
        for question in self._questions:
            features, classes = question.on(snapshot.device)
            scores = snapshot.logits(features)
            for asked, of_asked in zip(question.asked, classes, strict=True):
                there = [o for o in asked.objectives if not (o.is_pooled and self._swap)]
                found |= judged_on_device(there, of_asked.repeat(trials, 1), scores)
                here = [o for o in asked.objectives if o not in there]
                found |= {o.name: self._of_trials(o, asked.classes, scores, trials) for o in here}
        return found

    def _of_trials(
        self, objective: Objective, classes: NDArray[np.bool_], scores: Tensor, trials: int
    ) -> NDArray[np.float64]:
        """(K,) values of several trials' members, NaN where a trial has a score that is not finite.

        Pooled rows are sorted on the host: it is done where a study asks for it alone.
        """
        each = scores.cpu().numpy().reshape(trials, self._members, -1)
        found = np.full((trials, self._members), np.nan)
        for values, own in zip(found, each, strict=True):
            if np.isfinite(own).all():
                values[:] = pooled(objective, classes, own)
        return found.ravel()


def pooled(
    objective: Objective, classes: NDArray[np.bool_], scores: NDArray[np.floating]
) -> NDArray[np.float64]:
    """The objective of each two members' rows together; each of them has the value of both.

    The ranks among a member's own template rows make the scores of two fits comparable.

    Args:
        objective: of calibrated scores.
        classes: (K, n).
        scores: (K, n); a last member without a second has its own value.
    """
    pairs = zip(classes, scores, strict=True)
    ranks = np.stack([template_rank(of, of[~is_data]) for is_data, of in pairs])
    both = [slice(k, k + 2) for k in range(0, len(classes), 2)]
    values = [objective.function(classes[own].ravel(), ranks[own].ravel()) for own in both]
    return np.repeat(values, 2)[: len(classes)]


def on_accelerator(snapshot: Snapshot) -> TypeGuard[OnDevice]:
    """Whether scores are better judged where they are computed."""
    return isinstance(snapshot, OnDevice) and snapshot.device.type != "cpu"


def _finite(values: Values) -> Values | ValueError:
    if any(np.isnan(of).any() for of in values.values()):
        return ValueError("scores must be finite, but some are not.")
    return values
