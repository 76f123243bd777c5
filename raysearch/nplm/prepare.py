"""From checked samples and settings to a test that only needs toys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from raysearch.errors import InputError
from raysearch.nplm import rules
from raysearch.nplm.arrays import Floats
from raysearch.nplm.blocks import Block, basis_of, block_of
from raysearch.nplm.imperfect import make_imperfect
from raysearch.nplm.neural import NeuralTest, tuned_clip
from raysearch.nplm.nuisances import Nuisance
from raysearch.nplm.points import Points
from raysearch.nplm.pool import Draw, Pool, Sampler, draw_observed, draw_toy, rows_aside
from raysearch.nplm.question import Question
from raysearch.nplm.settings import NEURAL, ONE_STEP, NplmSettings
from raysearch.nplm.statistic import KernelTest, Statistic
from raysearch.nplm.work import Work
from raysearch.seeds import generator, number

# Beyond, features of the pool are computed anew for each batch instead of stored.
_STORED_BYTES = 3 * 2**29
_CLIP_TOYS = 25


@dataclass(frozen=True, eq=False)
class Prepared:
    """A test before its toys.

    Attributes:
        work: what the toys share.
        observed: the experiment's data.
        choices: settings that rules chose, with their reasons.
        columns: names of the columns compared.
        nuisances: systematic uncertainties of the reference.
    """

    work: Work
    observed: Draw
    choices: Mapping[str, rules.Choice]
    columns: tuple[str, ...]
    nuisances: tuple[Nuisance, ...] = ()


def prepare_test(question: Question) -> Prepared:
    """Standardise, choose what the settings leave open, and compute what all toys share."""
    points, settings, nuisances = question.points, question.settings, question.nuisances
    data = points["data"]
    pool = make_pool(points["reference"], len(data), settings, question.sampler, len(nuisances))
    test, choices = make_statistic(pool, settings, nuisances, question.device)
    signal = pool.standardised(points["signal"].values) if "signal" in points else None
    observed = draw_observed(test.pool, data.values, number(settings.seed, "nplm reference"))
    return Prepared(Work(test, signal), observed, choices, data.columns, nuisances)


def make_statistic(
    pool: Pool, settings: NplmSettings, nuisances: tuple[Nuisance, ...], device: str
) -> tuple[Statistic, dict[str, rules.Choice]]:
    """The statistic the settings ask for, and what rules chose for it."""
    if settings.method == NEURAL:
        return neural_test(pool, settings, nuisances, device)
    test, choices = kernel_test(pool, settings, device)
    if not nuisances:
        return test, choices
    if settings.solver != ONE_STEP or settings.centre_sets > 1:
        raise InputError(
            "a kernel test with nuisances is solved in one step with one set of centres, but got "
            f"solver = {settings.solver!r} and centre_sets = {settings.centre_sets}."
        )
    blocks = tuple(blocks[0] for blocks in test.blocks)
    return make_imperfect(test.pool, blocks, test.penalty, nuisances, device), choices


def neural_test(
    pool: Pool, settings: NplmSettings, nuisances: tuple[Nuisance, ...], device: str
) -> tuple[NeuralTest, dict[str, rules.Choice]]:
    """The neural statistic; a bound that is left open is tuned on toys of its own."""
    clip = 1.0 if settings.clip is None else settings.clip
    test = NeuralTest(
        pool, settings.hidden, clip, settings.steps, settings.starts, nuisances, device
    )
    if settings.clip is not None:
        return test, {}
    seeds = [number(settings.seed, "nplm clip", index) for index in range(_CLIP_TOYS)]
    clip, mean, error = tuned_clip(test, [draw_toy(pool, seed) for seed in seeds])
    why = (
        f"mean t of {_CLIP_TOYS} null toys is {mean:.1f} +- {error:.1f} with it, and the network "
        f"has {test.shape.n_parameters} parameters"
    )
    return replace(test, clip=clip), {"clip": rules.Choice(clip, why)}


def make_pool(
    reference: Points,
    n_data: int,
    settings: NplmSettings,
    sampler: Sampler | None = None,
    n_nuisances: int = 0,
) -> Pool:
    """The pool of a test, its rows in an order that the seed decides."""
    order = generator(settings.seed, "nplm order").permutation(len(reference))
    values = reference.values[order]
    weights = np.ones(len(order)) if reference.weights is None else reference.weights[order]
    mean = np.average(values, axis=0, weights=weights)
    width = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weights))
    size = settings.reference_size or _reference_size(n_data, settings, weights)
    if size < n_data:
        raise InputError(
            f"the reference of a test must not be smaller than the data, but reference_size = "
            f"{size} and the data have {n_data} events; ask for a larger one."
        )
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
        n_nuisances,
    )


def kernel_test(
    pool: Pool, settings: NplmSettings, device: str
) -> tuple[KernelTest, dict[str, rules.Choice]]:
    """The kernel statistic, and what rules chose for it."""
    settings, choices = chosen(pool, settings)
    count, penalty = settings.centres or 0, settings.penalty or 0.0
    pool = replace(pool, n_kept=settings.centre_sets * count)
    blocks = _blocks(pool, settings.sigmas, count, settings.centre_sets, penalty, device)
    return KernelTest(pool, blocks, penalty, settings.solver, device), choices


def chosen(pool: Pool, settings: NplmSettings) -> tuple[NplmSettings, dict[str, rules.Choice]]:
    """The settings with nothing left open, and the rules' choices."""
    choices: dict[str, rules.Choice] = {}
    n_data = pool.n_data if pool.expected is None else pool.expected
    total = pool.n_reference + round(n_data)
    if not settings.sigmas:
        choices["sigma"] = rules.kernel_width(pool.points, pool.weights)
        settings = replace(settings, sigmas=(choices["sigma"].value,))
    narrowest = min(settings.sigmas)
    if settings.penalty is None:
        choices["penalty"] = rules.penalty(pool.points, pool.weights, narrowest, total, n_data)
        settings = replace(settings, penalty=choices["penalty"].value)
    if settings.centres is None:
        choices["centres"] = rules.centre_count(
            pool.points, pool.weights, narrowest, settings.penalty or 0.0, total, n_data
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
    bases = [
        [
            basis_of(pool, pool.points[k * count : (k + 1) * count], sigma, penalty, device)
            for k in range(sets)
        ]
        for sigma in sigmas
    ]
    rank = sum(basis.rank for of_sigma in bases for basis in of_sigma)
    keep = rank * len(pool.points) * 8 <= _STORED_BYTES
    return tuple(
        tuple(block_of(pool, basis, keep, device) for basis in of_sigma) for of_sigma in bases
    )
