"""From checked samples and settings to a test that only needs toys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from raysearch.errors import InputError
from raysearch.nplm import rules
from raysearch.nplm.blocks import Block, make_block
from raysearch.nplm.points import Points
from raysearch.nplm.pool import Draw, Pool, Sampler, draw_observed, rows_aside
from raysearch.nplm.settings import NplmSettings
from raysearch.nplm.statistic import KernelTest
from raysearch.nplm.tensors import Floats
from raysearch.nplm.work import Work
from raysearch.seeds import generator, number

# Beyond, features of the pool are computed anew for each batch instead of stored.
_STORED_BYTES = 2 * 2**30


@dataclass(frozen=True, eq=False)
class Prepared:
    """A test before its toys.

    Attributes:
        work: what the toys share.
        observed: the experiment's data.
        choices: settings that rules chose, with their reasons.
        columns: names of the columns compared.
    """

    work: Work
    observed: Draw
    choices: Mapping[str, rules.Choice]
    columns: tuple[str, ...]


def prepare_test(
    points: Mapping[str, Points],
    settings: NplmSettings,
    *,
    sampler: Sampler | None = None,
    device: str = "cpu",
) -> Prepared:
    """Standardise, choose what the settings leave open, and compute what all toys share.

    Args:
        points: "data" and "reference", checked against each other, and "signal" to inject.
        settings: of the test.
        sampler: gives points of the true distribution, for draws="sampler".
        device: where to compute.
    """
    data = points["data"]
    pool = make_pool(points["reference"], len(data), settings, sampler)
    test, choices = kernel_test(pool, settings, device)
    signal = pool.standardised(points["signal"].values) if "signal" in points else None
    observed = draw_observed(pool, data.values, number(settings.seed, "nplm reference"))
    return Prepared(Work(test, signal), observed, choices, data.columns)


def make_pool(
    reference: Points, n_data: int, settings: NplmSettings, sampler: Sampler | None = None
) -> Pool:
    """The pool of a test, its rows in an order that the seed decides."""
    order = generator(settings.seed, "nplm order").permutation(len(reference))
    values = reference.values[order]
    weights = np.ones(len(order)) if reference.weights is None else reference.weights[order]
    mean, width = values.mean(axis=0), values.std(axis=0)
    size = settings.reference_size or _reference_size(n_data, settings, weights)
    return Pool(
        (values - mean) / width,
        weights / weights.mean(),
        mean,
        width,
        settings.draws,
        size,
        n_data,
        settings.expected,
        sampler,
    )


def kernel_test(
    pool: Pool, settings: NplmSettings, device: str
) -> tuple[KernelTest, dict[str, rules.Choice]]:
    """The kernel statistic, and what rules chose for it."""
    settings, choices = chosen(pool, settings)
    count, penalty = settings.centres or 0, settings.penalty or 0.0
    blocks = _blocks(pool, settings.sigmas, count, settings.centre_sets, penalty, device)
    return KernelTest(pool, blocks, penalty, settings.solver, device), choices


def chosen(pool: Pool, settings: NplmSettings) -> tuple[NplmSettings, dict[str, rules.Choice]]:
    """The settings with nothing left open, and the rules' choices."""
    choices: dict[str, rules.Choice] = {}
    n_data = pool.n_data if pool.expected is None else pool.expected
    total = pool.n_reference + round(n_data)
    if not settings.sigmas:
        choices["sigma"] = rules.kernel_width(pool.points)
        settings = replace(settings, sigmas=(choices["sigma"].value,))
    narrowest = min(settings.sigmas)
    if settings.penalty is None:
        choices["penalty"] = rules.penalty(pool.points, narrowest, total, n_data)
        settings = replace(settings, penalty=choices["penalty"].value)
    if settings.centres is None:
        choices["centres"] = rules.centre_count(
            pool.points, narrowest, settings.penalty or 0.0, total, n_data
        )
        settings = replace(settings, centres=int(choices["centres"].value))
    return settings, choices


def _reference_size(n_data: int, settings: NplmSettings, weights: Floats) -> int:
    """The largest reference that leaves what the toys' data need."""
    if settings.draws == "sampler":
        return len(weights)
    aside = rows_aside(n_data, settings.expected, weights)
    is_fresh = settings.draws == "fresh"
    size = len(weights) - aside if is_fresh else len(weights) // 2
    needed = aside + n_data if is_fresh else 2 * max(aside, n_data)
    if len(weights) < needed:
        raise InputError(
            f"toys need a pool with disjoint reference and data, at least {needed} events, but "
            f"the reference has {len(weights)}; give more reference events."
        )
    return size


def _blocks(
    pool: Pool,
    sigmas: Sequence[float],
    count: int,
    sets: int,
    penalty: float,
    device: str,
) -> tuple[tuple[Block, ...], ...]:
    if sets * count > pool.n_reference:
        raise InputError(
            f"centres are reference events, but {sets} sets of {count} were asked for and the "
            f"reference has {pool.n_reference}; ask for fewer."
        )
    keep = len(sigmas) * sets * count * len(pool.points) * 8 <= 2 * _STORED_BYTES
    return tuple(
        tuple(
            make_block(pool, pool.points[k * count : (k + 1) * count], sigma, penalty, keep, device)
            for k in range(sets)
        )
        for sigma in sigmas
    )
