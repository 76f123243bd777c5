"""The final ensembles as Ray tasks: a few members each, however many workers there are.

A contender also has verdict members. They are trained in the same tasks as its others where members
gain from company, and beside them where they do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import ray
from numpy.typing import NDArray

from raysearch.detectors import Member, detector
from raysearch.objectives import OBJECTIVES
from raysearch.packs import joins_packs
from raysearch.progress import Halt, never
from raysearch.refit import Final, Refit, combine, final_members
from raysearch.samples import TwoSample, View
from raysearch.trial import Setup
from raysearch.tuning.devices import hide_unassigned_gpus
from raysearch.verdict import Opinion, Retrained, joined, retrain, verdict_members

# Members that are trained as one where that is faster. It does not depend on how many workers share
# them, so that the result does not either.
_TOGETHER = 5
_LOOK_EVERY_S = 0.5

# Trial, number of members, and the objective where it decides the epochs.
Key = tuple[int, int, str | None]


class Winner(NamedTuple):
    """A setup to be retrained.

    Attributes:
        trial: index of the trial it comes from.
        setup: what is trained.
        objective: chooses the epochs, where there are any.
        members: of the ensemble; None for as many as its family has.
        is_asked: whether the verdict rows are, by members that they did not train.
    """

    trial: int
    setup: Setup
    objective: str
    members: int | None = None
    is_asked: bool = False

    @property
    def size(self) -> int:
        """Members of the ensemble."""
        return self.members or detector(self.setup.detector).ensemble_size


class _Task(NamedTuple):
    """Some members in training, and of which kinds they are."""

    result: ray.ObjectRef[Retrained]
    has_members: bool
    is_asked: bool


class Ended(NamedTuple):
    """What became of a winner.

    Attributes:
        final: its ensemble, or why retraining failed.
        verdict: (v,) mean template rank of the verdict rows by members that did not train on them,
            or why there is none; None if they were not asked.
        seconds: worker time of both.
    """

    final: Final | str
    verdict: NDArray[np.float64] | str | None
    seconds: float


def refit_all(
    winners: Mapping[str, Winner],
    samples: Mapping[View, TwoSample],
    seed: int,
    gpus: float = 0.0,
    halt: Halt = never,
) -> dict[str, Ended]:
    """Retrain all winners; all tasks run side by side.

    A setup that two objectives picked is trained once if it has no epochs to choose from.

    Args:
        winners: by any name.
        samples: the two samples of each mode and feature set.
        seed: of the study.
        gpus: share of a GPU for each task that trains networks.
        halt: asked all the time whether to end early.

    Returns:
        What became of each, by the same name. One that fails costs no other.

    Raises:
        KeyboardInterrupt: if `halt` ended it, as Ctrl-C does.
    """
    task = ray.remote(num_cpus=1, max_retries=3)(_refit)
    started: dict[Key, list[_Task]] = {}
    distinct = _distinct(winners.values())
    for key, winner in distinct.items():
        parts = _parts(
            samples[winner.setup.view], winner, seed, members_per_task(winner.setup, gpus)
        )
        # Trees would leave a GPU idle.
        placed = task.options(num_gpus=gpus if joins_packs(winner.setup) else 0.0)
        started[key] = [
            _Task(placed.remote(winner.setup, samples, *part, winner.objective), *map(bool, part))
            for part in parts
        ]
    _wait([task.result for tasks in started.values() for task in tasks], halt)
    ended = {
        key: _result(distinct[key].setup, [_of_task(task) for task in tasks])
        for key, tasks in started.items()
    }
    return {name: ended[_key(winner)] for name, winner in winners.items()}


def _distinct(winners: Iterable[Winner]) -> dict[Key, Winner]:
    """What has to be trained: of equal winners one, asked if any of them is."""
    found: dict[Key, Winner] = {}
    for winner in winners:
        key = _key(winner)
        is_asked = winner.is_asked or (key in found and found[key].is_asked)
        found[key] = winner._replace(is_asked=is_asked)
    return found


def _wait(results: list[ray.ObjectRef[Retrained]], halt: Halt) -> None:
    while results:
        if halt():
            for left in results:
                ray.cancel(left, force=False)
            raise KeyboardInterrupt
        _, results = ray.wait(results, num_returns=len(results), timeout=_LOOK_EVERY_S)


def _result(setup: Setup, ended: Sequence[Retrained]) -> Ended:
    """The ensemble and the verdict, or why there is none: one that fails must not cost others."""
    opinions = [part.opinion for part in ended if part.opinion is not None]
    refits = [part.refit for part in ended if part.refit is not None]
    reason = next((refit for refit in refits if isinstance(refit, str)), None)
    whole = [refit for refit in refits if not isinstance(refit, str)]
    final = combine(setup, whole) if reason is None else reason
    seconds = sum(_seconds(part) for part in (*refits, *opinions))
    return Ended(final, _verdict(opinions), seconds)


def _verdict(opinions: Sequence[Opinion | str]) -> NDArray[np.float64] | str | None:
    for opinion in opinions:
        if isinstance(opinion, str):
            return opinion
    return joined([o for o in opinions if isinstance(o, Opinion)]) if opinions else None


def _seconds(part: Refit | Opinion | str) -> float:
    return 0.0 if isinstance(part, str) else part.seconds


def _of_task(task: _Task) -> Retrained:
    # Each is asked for: Ray prints the error of a task that nobody has asked for.
    try:
        found: Retrained = ray.get(task.result)
    except ray.exceptions.RayError as error:
        reason = str(getattr(error, "cause", None) or error).strip().splitlines()[-1]
        return Retrained(reason if task.has_members else None, reason if task.is_asked else None)
    return found


def _key(winner: Winner) -> Key:
    has_epochs = detector(winner.setup.detector).final_epochs is not None
    return winner.trial, winner.size, winner.objective if has_epochs else None


def members_per_task(setup: Setup, gpus: float) -> int:
    """Members of a task: one, which fills the most cores, where company makes none faster.

    Trees and the compiled kernel train one after another whatever stands beside them.
    """
    from raysearch.training.kernel import kernel

    alone = not joins_packs(setup) or (not gpus and kernel() is not None)
    return 1 if alone else _TOGETHER


def _parts(
    sample: TwoSample, winner: Winner, seed: int, together: int
) -> Iterator[tuple[list[Member], list[Member]]]:
    """Of each task the members of the ensemble, and those that are asked about the verdict rows."""
    members = final_members(sample.rows.is_data, winner.size, seed, winner.trial)
    asked = verdict_members(sample, seed, winner.trial) if winner.is_asked else []
    if together == 1:
        yield from (([member], []) for member in members)
        yield from (([], [member]) for member in asked)
        return
    for start in range(0, winner.size, together):
        yield members[start : start + together], asked if start == 0 else []


def _refit(
    setup: Setup,
    samples: Mapping[View, TwoSample],
    members: list[Member],
    asked: list[Member],
    objective: str,
) -> Retrained:
    hide_unassigned_gpus()
    return retrain(setup, samples[setup.view], members, OBJECTIVES[objective], asked)
