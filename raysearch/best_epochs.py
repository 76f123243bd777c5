"""Train members for as long as a final ensemble is, and keep each at its best epochs. No Ray.

References:
    How to pick the best anomaly detector? (Hein et al., 2025), arXiv:2511.14832: 100 epochs, the
    scores of the 10 best epochs by the chosen metric averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from raysearch.detectors import Detector, Member, Snapshot, detector
from raysearch.judge import Judge
from raysearch.objectives import Objective
from raysearch.samples import TwoSample
from raysearch.trial import Setup

BEST_EPOCHS = 10


@dataclass(frozen=True, eq=False)
class Trained:
    """A group of members by one objective.

    Attributes:
        found: of each member its networks or trees, or why the group has none.
    """

    found: list[Snapshot] | ValueError

    @property
    def snapshots(self) -> list[Snapshot]:
        """Of each member its networks or trees.

        Raises:
            ValueError: if some member's objective was finite in no epoch.
        """
        if isinstance(self.found, ValueError):
            raise self.found
        return self.found


def train_at_best(
    setup: Setup,
    sample: TwoSample,
    groups: Sequence[Sequence[Member]],
    objectives: Sequence[Objective],
) -> dict[str, list[Trained]]:
    """Train members as one pack, and keep each at its best epochs by every objective.

    Args:
        setup: what is trained.
        sample: all rows; test events judge only a supervised objective.
        groups: members that are judged together, on equally many validation rows; a group that
            fails does not cost the others. Empty ones are allowed.
        objectives: choose the epochs, for detectors that have any.

    Returns:
        By objective what became of each group.
    """
    family = detector(setup.detector)
    members = [member for group in groups for member in group]
    stops = np.cumsum([len(group) for group in groups]).tolist()
    judged = [
        _Group(sample, group, range(stop - len(group), stop), objectives)
        for group, stop in zip(groups, stops, strict=True)
    ]
    snapshots: list[Snapshot] = []
    parameters = [setup.parameters] * len(members)
    for snapshot in family.fit(sample.rows, members, parameters, epochs=family.final_epochs):
        snapshots.append(snapshot)
        for group in judged:
            group.judge(snapshot)
    return {o.name: [group.at_best(snapshots, family, o) for group in judged] for o in objectives}


class _Group:
    """Members that are judged together, and their values after every epoch."""

    def __init__(
        self,
        sample: TwoSample,
        members: Sequence[Member],
        places: range,
        objectives: Sequence[Objective],
    ) -> None:
        self._sample, self._members, self._places = sample, members, places
        self._judges = {o: Judge(sample, members, only=o) for o in objectives if members}
        self._values: dict[str, list[NDArray[np.float64]]] = {o.name: [] for o in objectives}

    def judge(self, snapshot: Snapshot) -> None:
        """Take down the values of the group's members after one more epoch of all."""
        if not self._members:
            return
        own = snapshot.take(self._places)
        for objective, judge in self._judges.items():
            values = _judged(judge, own, objective, self._sample, self._members)
            self._values[objective.name].append(values)

    def at_best(
        self, snapshots: Sequence[Snapshot], family: Detector, objective: Objective
    ) -> Trained:
        """Each member's networks or trees of its best epochs."""
        values = self._values[objective.name]
        try:
            best = [
                _best_epochs(np.array([of_epoch[k] for of_epoch in values]), objective)
                for k in range(len(self._members))
            ]
        except ValueError as error:
            return Trained(error)
        return Trained(
            [
                family.merge([snapshots[epoch].take([place]) for epoch in chosen])
                for place, chosen in zip(self._places, best, strict=True)
            ]
        )


def _judged(
    judge: Judge,
    snapshot: Snapshot,
    objective: Objective,
    sample: TwoSample,
    members: Sequence[Member],
) -> NDArray[np.float64]:
    """(K,) values of the objective; NaN for a member whose scores are not finite in this epoch."""
    try:
        return judge.values(snapshot)[objective.name]
    except ValueError:  # one diverged; its earlier epochs may be good, and the others are
        if len(members) == 1:
            return np.full(1, np.nan)
    alone = [
        _judged(Judge(sample, [m], only=objective), snapshot.take([k]), objective, sample, [m])
        for k, m in enumerate(members)
    ]
    return np.concatenate(alone)


def _best_epochs(values: NDArray[np.float64], objective: Objective) -> NDArray[np.intp]:
    best = objective.order(values)[:BEST_EPOCHS]
    finite = best[np.isfinite(values[best])]
    if not len(finite):
        raise ValueError(f"{objective.name} must be finite in some epoch, but is in none")
    return finite
