"""From inputs and settings to the two samples that every trial of a study shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from raysearch.backgrounds import background, divide, two_sample
from raysearch.errors import InputError
from raysearch.events import Events
from raysearch.events.surrogate import COLUMNS, log_likelihood_ratio
from raysearch.inputs import Inputs
from raysearch.metrics import MIN_BACKGROUND
from raysearch.objectives import objective
from raysearch.samples import Pools, TwoSample
from raysearch.settings import Settings


@dataclass(frozen=True, eq=False)
class Prepared:
    """The samples of a study.

    Attributes:
        sample: what the trials see.
        optimal: (m,) exact log likelihood ratio of the test events, where it is known.
        counts: how many events are what.
    """

    sample: TwoSample
    optimal: NDArray[np.float64] | None
    counts: dict[str, Any]


def prepare(inputs: Inputs, settings: Settings) -> Prepared:
    """Divide, inject and build the samples of the mode.

    Raises:
        InputError: if the inputs do not allow the mode, the injection or the objective.
    """
    mode = background(settings.mode)
    pools = divide(
        inputs.events,
        inputs.template,
        inputs.test,
        mode,
        settings.region,
        settings.n_signal,
        settings.seed,
    )
    usable = _usable(pools)
    if objective(settings.objective).supervised and usable.test is None:
        raise InputError(
            f"objective {settings.objective!r} needs labelled test events of signal and more than "
            f"{MIN_BACKGROUND} background events in the signal region; give "
            "--test FILE, inject fewer signal events, or choose val_sic."
        )
    sample = two_sample(mode, usable, settings.region, settings.sideband_width_tev)
    optimal = _optimal(usable.test, settings) if inputs.is_surrogate else None
    return Prepared(sample, optimal, _counts(sample, pools, settings))


def _usable(pools: Pools) -> Pools:
    """Without a test set that no supervised metric can be computed on."""
    test = pools.test
    if test is not None and test.labels is not None:
        n_signal = int(np.count_nonzero(test.labels))
        if n_signal and len(test) - n_signal > MIN_BACKGROUND:
            return pools
    return Pools(pools.data, pools.truth, pools.template, None)


def _optimal(test: Events | None, settings: Settings) -> NDArray[np.float64] | None:
    if test is None or set(test.columns) != set(COLUMNS):
        return None
    return log_likelihood_ratio(test, settings.signal_region_tev)


def _counts(sample: TwoSample, pools: Pools, settings: Settings) -> dict[str, Any]:
    n_data = int(np.count_nonzero(sample.rows.is_data))
    counts = {"data": n_data, "template": len(sample.mjj_tev) - n_data}
    if pools.truth is not None:
        inside = settings.region.contains(pools.data.mjj_tev)
        counts["injected"] = int(np.count_nonzero(pools.truth))
        counts["injected_in_signal_region"] = int(np.count_nonzero(pools.truth & inside))
    if sample.test_is_signal is not None:
        counts["test_signal"] = int(np.count_nonzero(sample.test_is_signal))
        counts["test_background"] = len(sample.test_is_signal) - counts["test_signal"]
    return counts
