"""Judge a snapshot: every metric of every member, on rows that member never trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from raysearch.detectors import Member, Snapshot
from raysearch.objectives import OBJECTIVES, Objective
from raysearch.samples import TwoSample

Values = Mapping[str, NDArray[np.float64]]


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
        self._unsupervised = [o for o in wanted if not o.supervised]
        self._supervised = [o for o in wanted if o.supervised and sample.test is not None]
        self._test, self._is_signal = sample.test, sample.test_is_signal
        n = min(len(m.validation) for m in members)
        rows = np.stack([m.validation[:n] for m in members])
        self._features = sample.rows.features[rows]
        self._is_data = sample.rows.is_data[rows]

    def values(self, snapshot: Snapshot) -> Values:
        """Each metric of each member: name -> (K,)."""
        found: dict[str, NDArray[np.float64]] = {}
        if self._unsupervised:
            scores = snapshot.scores(self._features)
            for o in self._unsupervised:
                found[o.name] = _each(o, self._is_data, scores)
        if self._supervised and self._test is not None and self._is_signal is not None:
            scores = snapshot.scores(self._test)
            truth = np.broadcast_to(self._is_signal, scores.shape)
            for o in self._supervised:
                found[o.name] = _each(o, truth, scores)
        return found


def _each(
    objective: Objective, classes: NDArray[np.bool_], scores: NDArray[np.floating]
) -> NDArray[np.float64]:
    pairs = zip(classes, scores, strict=True)
    return np.array([objective.function(of_class, score) for of_class, score in pairs])
