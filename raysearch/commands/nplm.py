"""`raysearch nplm`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from raysearch.commands import options
from raysearch.commands.words import numbers
from raysearch.errors import InputError
from raysearch.imported import imported
from raysearch.nplm.candidates import candidate_from_words
from raysearch.nplm.nuisances import Nuisance
from raysearch.nplm.nuisances import normalisation as number_of_events
from raysearch.nplm.settings import NplmSettings


def nplm(
    data: Path,
    reference: Path,
    columns: Annotated[
        str | None, typer.Option(help="Columns to compare, a,b,...; default: all features.")
    ] = None,
    toys: Annotated[int, typer.Option(help="Toys under the null.")] = NplmSettings.toys,
    sigma: Annotated[str, typer.Option(help="Kernel widths, a,b,..., or auto.")] = "auto",
    aggregate: Annotated[
        str, typer.Option(help="min-p, prod-p, average-p or smooth-max, for several widths.")
    ] = NplmSettings.aggregate,
    method: Annotated[str, typer.Option(help="kernel or neural.")] = NplmSettings.method,
    draws: Annotated[str, typer.Option(help="Toys: fresh or fixed reference.")] = "fresh",
    weights: Annotated[
        str | None, typer.Option(help="Column with the weights of the reference.")
    ] = None,
    expected: Annotated[
        float | None, typer.Option(help="Number of data the reference predicts; default: any.")
    ] = None,
    nuisance: Annotated[
        list[str] | None,
        typer.Option(help="A Nuisance of the reference, module:name; repeatable."),
    ] = None,
    normalisation: Annotated[
        float | None, typer.Option(help="Relative uncertainty of --expected.")
    ] = None,
    signal: Annotated[Path | None, typer.Option(help="Events to inject.")] = None,
    inject: Annotated[str, typer.Option(help="Numbers of them, a,b,...")] = "",
    injected_toys: Annotated[
        int, typer.Option(help="Toys at each of these numbers.")
    ] = NplmSettings.injected_toys,
    centres: Annotated[
        int | None, typer.Option(help="Nystroem centres (kernel); default: by rule.")
    ] = None,
    penalty: Annotated[
        float | None, typer.Option(help="lambda of the averaged loss (kernel); default: by rule.")
    ] = None,
    solver: Annotated[
        str, typer.Option(help="one-step, as published, or converged (kernel).")
    ] = NplmSettings.solver,
    hidden: Annotated[str, typer.Option(help="Hidden layers, a,b,... (neural).")] = ",".join(
        map(str, NplmSettings.hidden)
    ),
    clip: Annotated[
        float | None, typer.Option(help="Bound on weights (neural); default: tuned to a chi2.")
    ] = None,
    steps: Annotated[
        int, typer.Option(help="Steps of training at most (neural).")
    ] = NplmSettings.steps,
    reference_size: Annotated[
        int | None, typer.Option(help="Events of a reference; default: all but a pool for data.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    select: Annotated[
        list[str] | None,
        typer.Option(
            help="A candidate, e.g. 'sigma=0.7 centres=500 columns=a,b'; repeatable. The one with "
            "the most power to find --signal makes the test."
        ),
    ] = None,
    select_trials: Annotated[
        int,
        typer.Option(
            help="Further candidates, suggested for their power: columns, and what --sigma and "
            "--centres leave open."
        ),
    ] = NplmSettings.select_trials,
    n_signal_select: Annotated[
        int | None, typer.Option(help="Signal events of a toy when candidates are judged.")
    ] = None,
    stop_at: Annotated[
        float | None, typer.Option(help="Stop once the toys exclude this value of p.")
    ] = None,
    seed: options.Seed = NplmSettings.seed,
    out: options.Out = None,
    address: options.Address = None,
) -> None:
    """Test whether DATA are a sample of the distribution of REFERENCE."""
    from raysearch.nplm import nplm_test

    result = nplm_test(
        data,
        reference,
        columns=columns.split(",") if columns else None,
        toys=toys,
        sigma=() if sigma == "auto" else numbers("--sigma", sigma, float),
        aggregate=aggregate,
        method=method,
        draws=draws,
        weights=weights,
        expected=expected,
        nuisances=_nuisances(nuisance or (), normalisation),
        signal=signal,
        inject=numbers("--inject", inject, int) if inject else (),
        injected_toys=injected_toys,
        centres=centres,
        penalty=penalty,
        solver=solver,
        hidden=numbers("--hidden", hidden, int),
        clip=clip,
        steps=steps,
        reference_size=reference_size,
        device=device,
        select=[candidate_from_words(words) for words in select or ()],
        select_trials=select_trials,
        n_signal_select=n_signal_select,
        stop_at=stop_at,
        seed=seed,
        out=out,
        address=address,
    )
    print(result.summary())


def nuisance_called(name: str) -> Nuisance:
    """The nuisance ``module:name``.

    Raises:
        InputError: if there is none.
    """
    found = imported(name, "nuisance")
    if not isinstance(found, Nuisance):
        raise InputError(
            f"--nuisance must name a raysearch.nplm.Nuisance, module:name, but {name!r} is "
            f"{found!r}."
        )
    return found


def _nuisances(names: Sequence[str], width: float | None) -> list[Nuisance]:
    found = [nuisance_called(name) for name in names]
    return found if width is None else [*found, number_of_events(width)]
