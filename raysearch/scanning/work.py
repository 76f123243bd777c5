"""What workers do in a scan: plain functions of their arguments. No Ray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from raysearch.detectors import detector
from raysearch.events import Events
from raysearch.inputs import Inputs
from raysearch.objectives import EVERY, OBJECTIVES, beyond_every
from raysearch.prepare import prepare
from raysearch.racing import Rung
from raysearch.refit import Refit, combine, final_members, refit_each
from raysearch.samples import TwoSample
from raysearch.scanning.results import Full
from raysearch.settings import Settings
from raysearch.trial import Setup
from raysearch.tuning.assignments import Assignment, Ended, run_assignments

# Members of a task. A constant, so that the result does not depend on how many workers there are.
_TOGETHER = 5


@dataclass(frozen=True, eq=False)
class Prepared:
    """What the driver learns of a cell's sample.

    Attributes:
        about: counts of events, and how good the density is, if one was trained.
        generated: the template, where it was generated.
    """

    about: dict[str, Any]
    generated: Events | None


@dataclass(frozen=True)
class CellTrials:
    """How the trials of a cell are run: one after another, each to its end.

    The repeats of a trial are fitted together already, so that packs would gain nothing on a CPU,
    and a scan runs on CPUs alone.
    """

    repeats: int
    seed: int
    also: tuple[str, ...] = ()
    objective: str = "val_sic"
    capacity: int = 1

    def capacity_of(self, setup: Setup, sample: TwoSample) -> int:
        """Trials of such a setup in a pack at most."""
        return self.capacity

    def rungs(self, family: str) -> tuple[Rung, ...]:
        """No rung: every trial is run to its end, so that all can be compared."""
        return ()


def prepare_cell(
    inputs: Inputs, settings: Settings, generated: Events | None
) -> tuple[TwoSample, Prepared]:
    """The sample of a cell; trains the density of mode "cathode" unless a template is given."""
    (view,) = settings.views
    prepared = prepare(inputs, settings, view, generated=generated)
    # Trees bin ranks; sorted here, they are sorted once and travel with the sample.
    _ = prepared.sample.rows.ranks
    about = {"counts": prepared.counts, "density": prepared.density}
    return prepared.sample, Prepared(about, prepared.generated)


def run_sets(sample: TwoSample, trials: CellTrials, setups: Mapping[int, Setup]) -> list[Ended]:
    """Run trials by their index; one that fails costs no other."""
    batch = [Assignment(index, setup) for index, setup in setups.items()]
    samples = {setup.view: sample for setup in setups.values()}
    return list(run_assignments(batch, samples, trials))


def parts(family: str) -> range:
    """Numbers of the parts in which an ensemble is trained."""
    return range(-(-detector(family).ensemble_size // _TOGETHER))


def retrain(
    sample: TwoSample, setup: Setup, names: Sequence[str], seed: int, index: int, part: int
) -> dict[str, Refit]:
    """Some members of the final ensembles of a trial's setup, by objective.

    Args:
        sample: all rows.
        setup: what is trained.
        names: of the objectives that choose the epochs; without epochs they share one ensemble.
        seed: of the cell.
        index: of the trial.
        part: one of `parts`.
    """
    family = detector(setup.detector)
    size = family.ensemble_size
    members = final_members(sample.rows.is_data, size, seed, index)
    own = members[part * _TOGETHER : (part + 1) * _TOGETHER]
    told = names if family.final_epochs is not None else names[:1]
    return refit_each(setup, sample, own, [OBJECTIVES[name] for name in told])


def judge_ensembles(
    sample: TwoSample, setup: Setup, number: int, names: Sequence[str], *trained: dict[str, Refit]
) -> dict[str, Full]:
    """The metrics of the ensembles of all parts, by objective; see `retrain`."""
    made = {
        name: _judged(sample, setup, number, names, [part[name] for part in trained])
        for name in trained[0]
    }
    shared_s = made[names[0]].seconds / (len(names) if len(made) == 1 else 1)
    return {
        name: made[name] if len(made) > 1 else made[names[0]]._replace(seconds=shared_s)
        for name in names
    }


def _judged(
    sample: TwoSample, setup: Setup, number: int, names: Sequence[str], trained: Sequence[Refit]
) -> Full:
    """Metrics of one ensemble, data-driven ones on out-of-fold scores."""
    final = combine(setup, trained)
    metrics = {
        o.name: o.function(sample.rows.is_data, final.rows)
        for o in (*EVERY, *beyond_every(names))
        if not o.supervised
    }
    if final.test is not None and sample.test_is_signal is not None:
        truth = np.asarray(sample.test_is_signal)
        metrics |= {o.name: o.function(truth, final.test) for o in EVERY if o.supervised}
    return Full(number, metrics, final.seconds, None)
