"""The Python interface of the test: samples in, p-value out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from raysearch.errors import InputError
from raysearch.nplm import plan
from raysearch.nplm.conduct import Course, conduct
from raysearch.nplm.figures import write_figures
from raysearch.nplm.nuisances import Nuisance
from raysearch.nplm.points import Points, Source, check_pair, read_points
from raysearch.nplm.pool import Sampler
from raysearch.nplm.prepare import Prepared, prepare_test
from raysearch.nplm.result import NplmResult
from raysearch.nplm.settings import NplmSettings
from raysearch.nplm.store import check_directory, open_store
from raysearch.progress import Say
from raysearch.provenance import git_commit, versions


def nplm_test(
    data: Source,
    reference: Source,
    *,
    columns: Sequence[str] | None = None,
    weights: str | None = None,
    signal: Source | None = None,
    sampler: Sampler | None = None,
    method: str = NplmSettings.method,
    sigma: Sequence[float] = NplmSettings.sigmas,
    centres: int | None = None,
    penalty: float | None = None,
    solver: str = NplmSettings.solver,
    centre_sets: int = NplmSettings.centre_sets,
    hidden: Sequence[int] = NplmSettings.hidden,
    clip: float | None = None,
    steps: int = NplmSettings.steps,
    starts: int = NplmSettings.starts,
    nuisances: Sequence[Nuisance] = (),
    aggregate: str = NplmSettings.aggregate,
    draws: str = NplmSettings.draws,
    reference_size: int | None = None,
    expected: float | None = None,
    toys: int = NplmSettings.toys,
    stop_at: float | None = None,
    inject: Sequence[int] = NplmSettings.inject,
    injected_toys: int = NplmSettings.injected_toys,
    seed: int = NplmSettings.seed,
    device: str = "cpu",
    address: str | None = None,
    out: Path | str | None = None,
    say: Say = print,
) -> NplmResult:
    """Are the data a sample of the reference's distribution? A two-sample test with toys.

    The toys are Ray tasks. What is finished is on disk every few seconds; the same call goes on
    where an interrupted one ended, and may ask for more toys.

    Args:
        data: events, an event file in any known layout, or an (n, d) array: features, the score of
            a study, or an embedding.
        reference: the same columns, background only, several times as many events.
        columns: which to compare, ``mjj`` among them if wanted; all features by default.
        weights: column of the reference with the weight of each event.
        signal: events to inject for the curve of Z against the number of them.
        sampler: ``(generator, n) -> (n, d)`` points of the true distribution, for
            ``draws="sampler"``; a function that workers can import.
        method: "kernel" or "neural".
        sigma: kernel widths in units of the standardised columns; none for the rule.
        centres: Nystroem centres; None for the rule.
        penalty: lambda of the averaged loss; None for the rule.
        solver: "one-step", as published, or "converged".
        centre_sets: draws of the centres over which t is averaged; several for narrow kernels.
        hidden: widths of the network's hidden layers.
        clip: bound on each weight of the network; None to tune it until t follows a chi2.
        steps: of the network's training, at most.
        starts: networks tried for each toy, of which the best counts.
        nuisances: systematic uncertainties of the reference; t is then tau - Delta.
        aggregate: "min-p", "prod-p", "average-p" or "smooth-max", for several widths.
        draws: "fresh", "fixed" or "sampler", see `raysearch.nplm.pool`.
        reference_size: events of a test's reference; None for as many as leave a pool.
        expected: number of data the reference predicts; None to compare shapes only.
        toys: how many.
        stop_at: stop once the interval of p excludes this value.
        inject: numbers of signal events for the curve.
        injected_toys: toys at each of them.
        seed: every random choice follows from it.
        device: "cpu" or "cuda".
        address: of a Ray cluster; None for this machine (or the surrounding Ray job's cluster).
        out: directory of the result; None for a new one in ``studies/``.
        say: receives progress, line by line.

    Returns:
        The result; its files lie in `out`.

    Raises:
        InputError: if anything given breaks a rule; as early as possible, before Ray starts.
    """
    settings = NplmSettings(
        method=method,
        sigmas=tuple(float(s) for s in sigma),
        centres=centres,
        penalty=penalty,
        solver=solver,
        centre_sets=centre_sets,
        hidden=tuple(hidden),
        clip=clip,
        steps=steps,
        starts=starts,
        aggregate=aggregate,
        draws=draws,
        reference_size=reference_size,
        expected=expected,
        toys=toys,
        stop_at=stop_at,
        inject=tuple(inject),
        injected_toys=injected_toys,
        seed=seed,
    )
    _check_address(address)
    points = _read(data, reference, signal, columns, weights, settings)
    asked = plan.asked(points, settings, sampler=sampler, nuisances=nuisances, device=device)
    directory = Path(out) if out is not None else _new_directory()
    check_directory(directory, asked)
    prepared = prepare_test(points, settings, sampler=sampler, nuisances=nuisances, device=device)
    course = begin(prepared, asked, settings, directory, say)
    result = _conduct(course, address, device)
    write_figures(directory, prepared, result)
    say(f"result: {directory}")
    return result


def begin(
    prepared: Prepared,
    asked: Mapping[str, Any],
    settings: NplmSettings,
    directory: Path,
    say: Say,
) -> Course:
    """Open the directory of a prepared test and test the data themselves.

    Args:
        prepared: the test.
        asked: what decides its toys, see `raysearch.nplm.plan`.
        settings: of the test.
        directory: of the result.
        say: receives progress, line by line.

    Raises:
        InputError: if the directory holds another test.
    """
    statistic = prepared.work.statistic
    store = open_store(directory, statistic.sigmas, asked, plan.chosen(prepared))
    about = {
        **settings.as_json(),
        **asked,
        "sigmas_used": list(statistic.sigmas),
        "chosen": {name: choice._asdict() for name, choice in prepared.choices.items()},
        "n_data": statistic.pool.n_data,
        "n_reference": statistic.pool.n_reference,
        "n_pool": len(statistic.pool.points),
        "versions": versions(),
        "git_commit": git_commit(),
    }
    observed = statistic.values([prepared.observed])[0]
    return Course(prepared, settings, about, store, observed, say)


def _read(
    data: Source,
    reference: Source,
    signal: Source | None,
    columns: Sequence[str] | None,
    weights: str | None,
    settings: NplmSettings,
) -> dict[str, Points]:
    points = {
        "data": read_points(data, columns),
        "reference": read_points(reference, columns, weights),
    }
    if signal is not None:
        points["signal"] = read_points(signal, columns)
    check_pair(points["data"], points["reference"])
    most = max(settings.inject, default=0)
    if most > len(points.get("signal", ())):
        raise InputError(
            f"injecting {most} events needs as many signal events, but "
            f"{len(points.get('signal', ()))} were given; give a larger signal sample."
        )
    if signal is not None and points["signal"].columns != points["data"].columns:
        raise InputError(
            f"signal and data must have the same columns, but got {points['signal'].columns} and "
            f"{points['data'].columns}."
        )
    return points


def _new_directory() -> Path:
    return Path("studies") / time.strftime("nplm-%Y%m%d-%H%M%S")


def _check_address(address: str | None) -> None:
    # Ray takes seconds to import; what needs no address should not wait for it.
    if address is not None:
        from raysearch.tuning.cluster import check_address

        check_address(address)


def _conduct(course: Course, address: str | None, device: str) -> NplmResult:
    course.say("starting Ray" if address is None else f"connecting to Ray at {address}")
    from raysearch.nplm.parallel import ray_runner
    from raysearch.tuning.cluster import connected

    with connected(address):
        return conduct(course, ray_runner(gpus_per_task=float(device.startswith("cuda"))))
