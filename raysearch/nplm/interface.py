"""The Python interface of the test: samples in, p-value out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import torch

from raysearch.connection import check_address, connected
from raysearch.directories import locked, new_directory
from raysearch.errors import InputError
from raysearch.nplm.arrays import Floats
from raysearch.nplm.candidates import Candidate
from raysearch.nplm.chain import run_chain
from raysearch.nplm.figures import write_figures
from raysearch.nplm.nuisances import Nuisance, Term
from raysearch.nplm.points import Points, Source, check_pair, read_class, read_points
from raysearch.nplm.pool import Sampler, check_sampler, most_of_poisson
from raysearch.nplm.question import Question
from raysearch.nplm.result import NplmResult
from raysearch.nplm.settings import NplmSettings
from raysearch.nplm.work import Batch, Job, Runner
from raysearch.progress import Halt, Say
from raysearch.remote.kept import is_replaced, kept


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
    select: Sequence[Candidate] = (),
    select_trials: int = NplmSettings.select_trials,
    n_signal_select: int | None = None,
    select_toys: int = NplmSettings.select_toys,
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
        reference: the same columns, several times as many events; the background of a labelled
            file.
        columns: which to compare, ``mjj`` among them if wanted; all features by default.
        weights: column of the reference with the weight of each event.
        signal: events to inject for the curve of Z against the number of them; the signal of a
            labelled file.
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
        stop_at: stop once the toys exclude this value of p, wrongly in 1% of all tests.
        inject: numbers of signal events for the curve.
        injected_toys: toys at each of them.
        select: candidates of columns, kernel widths and centres, as above where one does not name
            its own; the one with the largest power to find `n_signal_select` events of the signal
            makes the test.
        select_trials: further candidates that Optuna suggests to that end, of columns and of what
            `sigma` and `centres` leave open.
        n_signal_select: signal events of a toy when candidates are judged.
        select_toys: toys of each candidate, without signal and with.
        seed: every random choice follows from it.
        device: "cpu" or "cuda".
        address: of a Ray cluster; None for this machine (or the surrounding Ray job's cluster).
        out: directory of the result, or the URI of a place in an object store; None for a new one
            in ``studies/``.
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
        select=tuple(candidate.in_tuples() for candidate in select),
        select_trials=select_trials,
        n_signal_select=n_signal_select,
        select_toys=select_toys,
        seed=seed,
    )
    check_address(address)
    _check_device(device)
    points = _read(data, reference, signal, columns, weights, settings, say)
    if sampler is not None:
        check_sampler(sampler, len(points["data"].columns))
    question = Question(points, settings, sampler, tuple(nuisances), device)
    functions: list[Term | Sampler] = [term for of in nuisances for term in of.terms]
    if sampler is not None:
        functions.append(sampler)
    with kept(out if out is not None else new_directory("nplm"), say) as directory:
        halt = partial(is_replaced, directory)
        with locked(directory, "test"), _runner(address, device, functions, say, halt) as runner:
            prepared, result = run_chain(question, directory, runner, say)
        write_figures(directory, prepared, result)
        say(f"result: {directory}")
    return result


def _read(
    data: Source,
    reference: Source,
    signal: Source | None,
    columns: Sequence[str] | None,
    weights: str | None,
    settings: NplmSettings,
    say: Say,
) -> dict[str, Points]:
    points = {
        "data": read_points(data, columns),
        "reference": read_class(reference, "reference", False, columns, weights, say),
    }
    if signal is not None:
        points["signal"] = read_class(signal, "signal", True, columns, say=say)
    check_pair(points["data"], points["reference"])
    _check_signal(points, settings)
    return points


def _check_signal(points: Mapping[str, Points], settings: NplmSettings) -> None:
    most = max(*settings.inject, settings.n_signal_select or 0, 0)
    needed = most if settings.expected is None else most_of_poisson(most)
    held = len(points["signal"]) if "signal" in points else 0
    if needed > held:
        why = "" if needed == most else f", up to {needed} as their number fluctuates,"
        raise InputError(
            f"injecting {most} events{why} needs as many signal events, but {held} were given; "
            "give a larger signal sample."
        )
    if held and points["signal"].columns != points["data"].columns:
        raise InputError(
            f"signal and data must have the same columns, but got {points['signal'].columns} and "
            f"{points['data'].columns}."
        )


def _check_device(device: str) -> None:
    if device != "cpu" and not device.startswith("cuda"):
        raise InputError(f"a device must be cpu or cuda, but got {device!r}.")
    if device != "cpu" and not torch.cuda.is_available():
        # What all toys share is computed here, whatever the cluster has.
        raise InputError(
            f"device = {device!r} needs a GPU where the test is prepared, but this machine has "
            "none that torch can use; leave it out, or start the test on a machine that has one."
        )


@contextmanager
def _runner(
    address: str | None, device: str, functions: Sequence[Term | Sampler], say: Say, halt: Halt
) -> Iterator[Runner]:
    """A runner that connects to Ray when first used: what is refused before needs no Ray."""
    connected_runners: list[Runner] = []
    with ExitStack() as connection:

        def run(jobs: Iterable[Job]) -> Iterator[tuple[Batch, Floats]]:
            if not connected_runners:
                made = _connect(connection, address, device, functions, say, halt)
                connected_runners.append(made)
            return connected_runners[0](jobs)

        yield run


def _connect(
    connection: ExitStack,
    address: str | None,
    device: str,
    functions: Sequence[Term | Sampler],
    say: Say,
    halt: Halt,
) -> Runner:
    gpus_per_task = float(device != "cpu")
    connection.enter_context(connected(address, gpus_per_task, say))
    # Imports Ray.
    from raysearch.nplm.parallel import ray_runner

    return ray_runner(gpus_per_task, functions, halt)
