"""The final ensembles as Ray tasks: a few members each, however many workers there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import ray
from numpy.typing import NDArray

from raysearch.detectors import Member, detector
from raysearch.objectives import OBJECTIVES
from raysearch.packs import joins_packs
from raysearch.refit import Final, Refit, combine, final_members, refit
from raysearch.samples import TwoSample
from raysearch.training.kernel import kernel
from raysearch.trial import Setup
from raysearch.tuning.devices import hide_unassigned_gpus

# Members that are trained as one where that is faster. It does not depend on how many workers share
# them, so that the result does not either.
_TOGETHER = 5

# Trial, number of members, and the objective where it decides the epochs.
Key = tuple[int, int, str | None]


class Winner(NamedTuple):
    """A setup to be retrained.

    Attributes:
        trial: index of the trial it comes from.
        setup: what is trained.
        objective: chooses the epochs, where there are any.
        members: of the ensemble; None for as many as its family has.
    """

    trial: int
    setup: Setup
    objective: str
    members: int | None = None

    @property
    def size(self) -> int:
        """Members of the ensemble."""
        return self.members or detector(self.setup.detector).ensemble_size


def refit_all(
    winners: Mapping[str, Winner],
    sample: ray.ObjectRef[TwoSample],
    seed: int,
    gpus: float = 0.0,
) -> dict[str, Final | str]:
    """Retrain all winners; all tasks run side by side.

    A setup that two objectives picked is trained once if it has no epochs to choose from.

    Args:
        winners: by any name.
        sample: where the events lie in the object store.
        seed: of the study.
        gpus: share of a GPU for each task.

    Returns:
        By the same name its final ensemble, or the reason why retraining failed.
    """
    is_data = ray.get(sample).rows.is_data
    task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=3)(_refit)
    distinct = {_key(winner): winner for winner in winners.values()}
    started: dict[Key, list[ray.ObjectRef[Refit]]] = {
        key: [
            task.remote(winner.setup, sample, members, winner.objective)
            for members in _parts(is_data, winner, seed, members_per_task(winner.setup, gpus))
        ]
        for key, winner in distinct.items()
    }
    ended = {key: _result(distinct[key].setup, parts) for key, parts in started.items()}
    return {name: ended[_key(winner)] for name, winner in winners.items()}


def _result(setup: Setup, parts: list[ray.ObjectRef[Refit]]) -> Final | str:
    """The ensemble, or why there is none: one that fails must not cost the others."""
    ended = [_part(part) for part in parts]
    reasons = [part for part in ended if isinstance(part, str)]
    if reasons:
        return reasons[0]
    return combine(setup, [part for part in ended if not isinstance(part, str)])


def _part(part: ray.ObjectRef[Refit]) -> Refit | str:
    # Each is asked for: Ray prints the error of a task that nobody has asked for.
    try:
        found: Refit = ray.get(part)
    except ray.exceptions.RayError as error:
        return str(getattr(error, "cause", None) or error).strip().splitlines()[-1]
    return found


def _key(winner: Winner) -> Key:
    has_epochs = detector(winner.setup.detector).final_epochs is not None
    return winner.trial, winner.size, winner.objective if has_epochs else None


def members_per_task(setup: Setup, gpus: float) -> int:
    """Members of a task: one, which fills the most cores, where company makes none faster.

    Trees and the compiled kernel train one after another whatever stands beside them.
    """
    alone = not joins_packs(setup) or (not gpus and kernel() is not None)
    return 1 if alone else _TOGETHER


def _parts(
    is_data: NDArray[np.bool_], winner: Winner, seed: int, together: int
) -> Iterator[list[Member]]:
    members = final_members(is_data, winner.size, seed, winner.trial)
    for start in range(0, winner.size, together):
        yield members[start : start + together]


def _refit(setup: Setup, sample: TwoSample, members: list[Member], objective: str) -> Refit:
    hide_unassigned_gpus()
    return refit(setup, sample, members, OBJECTIVES[objective])
