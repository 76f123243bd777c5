"""The command line: parse, call the interface, print. No physics and no Ray here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from raysearch.density import cathode_from_words
from raysearch.errors import InputError
from raysearch.nplm.candidates import candidate_from_words
from raysearch.nplm.settings import NplmSettings
from raysearch.records import INTERRUPTED
from raysearch.scanning import Scan, ScanSettings, is_scan, load_scan, resume_scan
from raysearch.scanning.interface import MOST_CPU_HOURS
from raysearch.scanning.settings import progression
from raysearch.settings import Resources, Settings
from raysearch.study import Study

app = typer.Typer(
    help="Which anomaly-detection setup should we trust, judged from the data alone?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_Number = TypeVar("_Number", int, float)

# What shells report for a command that Ctrl-C ended.
_INTERRUPTED_STATUS = 130

Address = Annotated[str | None, typer.Option(help="Ray cluster, host:port; default: here.")]


@app.command()
def search(
    events: Annotated[
        Path | None, typer.Argument(help="HDF5 events; default: the embedded surrogate.")
    ] = None,
    mode: Annotated[
        str, typer.Option(help="supervised, idealised, cwola or cathode.")
    ] = Settings.mode,
    features: Annotated[
        str, typer.Option(help="Feature set; +rotated and +noiseN may follow.")
    ] = Settings.features,
    space: Annotated[
        str, typer.Option(help="Search space: a name, or module:function.")
    ] = Settings.space,
    objective: Annotated[
        str, typer.Option(help="val_sic, val_loss or max_sic.")
    ] = Settings.objective,
    sampler: Annotated[str, typer.Option(help="tpe or random.")] = Settings.sampler,
    trials: Annotated[int, typer.Option(help="Setups to try.")] = Settings.trials,
    repeats: Annotated[int, typer.Option(help="Fits of each setup.")] = Settings.repeats,
    seed: Annotated[int, typer.Option(help="Every random choice follows from it.")] = Settings.seed,
    n_signal: Annotated[
        int | None,
        typer.Option(help="Signal events to inject; default: 1000, or all if there are fewer."),
    ] = None,
    template: Annotated[
        Path | None, typer.Option(help="Background of the signal region (idealised).")
    ] = None,
    test: Annotated[
        Path | None, typer.Option(help="Labelled events for the supervised metric.")
    ] = None,
    signal_region: Annotated[str, typer.Option(help="Edges in TeV, low,high.")] = "{},{}".format(
        *Settings.signal_region_tev
    ),
    sideband_width: Annotated[
        float, typer.Option(help="Width of each sideband in TeV (cwola).")
    ] = Settings.sideband_width_tev,
    cathode: Annotated[
        list[str] | None,
        typer.Option(help="Setting of the density, e.g. estimator=maf or epochs=20; repeatable."),
    ] = None,
    verdict_share: Annotated[
        float,
        typer.Option(help="Share of events that choose nothing and say whether to; 0: do not ask."),
    ] = Settings.verdict_share,
    gpus_per_trial: Annotated[float, typer.Option(help="Share of a GPU, e.g. 0.25.")] = 0.0,
    time_budget_s: Annotated[
        float | None, typer.Option(help="End the search after this many seconds.")
    ] = None,
    backend: Annotated[
        str, typer.Option(help="auto, tune or direct; auto is direct while trials are short.")
    ] = Resources.backend,
    trials_per_pack: Annotated[
        int | None, typer.Option(help="Trials trained as one at most; default: what pays.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Study directory; default: a new one in studies/.")
    ] = None,
    address: Address = None,
) -> None:
    """Search for the best setup and write a study with its report."""
    from raysearch.api import search as run

    study = run(
        events,
        template=template,
        test=test,
        mode=mode,
        features=features,
        space=space,
        objective=objective,
        sampler=sampler,
        trials=trials,
        repeats=repeats,
        seed=seed,
        n_signal=n_signal,
        signal_region_tev=_edges(signal_region),
        sideband_width_tev=sideband_width,
        cathode=cathode_from_words(cathode or ()),
        verdict_share=verdict_share,
        gpus_per_trial=gpus_per_trial,
        time_budget_s=time_budget_s,
        backend=backend,
        trials_per_pack=trials_per_pack,
        address=address,
        out=out,
    )
    _end(study)


@app.command()
def scan(
    events: Annotated[
        Path | None, typer.Argument(help="Labelled HDF5 events; default: the embedded surrogate.")
    ] = None,
    n_signal: Annotated[
        str, typer.Option(help="Signal events to inject, a,b,... or a,b,...,z for equal steps.")
    ] = ",".join(map(str, ScanSettings.n_signal)),
    modes: Annotated[str, typer.Option(help="Of supervised, idealised, cwola, cathode.")] = (
        ",".join(ScanSettings.modes)
    ),
    features: Annotated[str, typer.Option(help="Feature sets, variants included.")] = ",".join(
        ScanSettings.features
    ),
    detectors: Annotated[
        str, typer.Option(help="Each is searched in the space of its name.")
    ] = ",".join(ScanSettings.detectors),
    objectives: Annotated[str, typer.Option(help="That choose a set.")] = ",".join(
        ScanSettings.objectives
    ),
    sets: Annotated[
        int, typer.Option(help="Hyperparameter sets of each detector, the same in all cells.")
    ] = ScanSettings.sets,
    repeats: Annotated[int, typer.Option(help="Fits of each set.")] = ScanSettings.repeats,
    seed: Annotated[
        int, typer.Option(help="Every random choice follows from it.")
    ] = ScanSettings.seed,
    template: Annotated[
        Path | None, typer.Option(help="Background of the signal region (idealised).")
    ] = None,
    test: Annotated[
        Path | None, typer.Option(help="Labelled events for the supervised metric.")
    ] = None,
    signal_region: Annotated[str, typer.Option(help="Edges in TeV, low,high.")] = "{},{}".format(
        *ScanSettings.signal_region_tev
    ),
    sideband_width: Annotated[
        float, typer.Option(help="Width of each sideband in TeV (cwola).")
    ] = ScanSettings.sideband_width_tev,
    cathode: Annotated[
        list[str] | None,
        typer.Option(help="Setting of the density, e.g. estimator=maf or epochs=20; repeatable."),
    ] = None,
    max_cpu_hours: Annotated[
        float, typer.Option(help="Refuse a scan that is estimated to take more.")
    ] = MOST_CPU_HOURS,
    yes: Annotated[bool, typer.Option("--yes", help="Run it whatever it takes.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Scan directory; default: a new one in studies/.")
    ] = None,
    address: Address = None,
) -> None:
    """Try the same hyperparameters at every number of signal events, in every mode."""
    from raysearch.scanning import scan as run

    found = run(
        events,
        template=template,
        test=test,
        n_signal=progression(n_signal.split(",")),
        modes=modes.split(","),
        features=features.split(","),
        detectors=detectors.split(","),
        objectives=objectives.split(","),
        sets=sets,
        repeats=repeats,
        seed=seed,
        signal_region_tev=_edges(signal_region),
        sideband_width_tev=sideband_width,
        cathode=cathode_from_words(cathode or ()),
        max_cpu_hours=max_cpu_hours,
        yes=yes,
        address=address,
        out=out,
    )
    _end_scan(found)


@app.command()
def resume(directory: Path, address: Address = None) -> None:
    """Go on with an interrupted study or scan; no finished trial runs again."""
    if is_scan(directory):
        _end_scan(resume_scan(directory, address=address))
        return
    from raysearch.api import resume as run

    _end(run(directory, address=address))


@app.command()
def report(directory: Path) -> None:
    """Write the report of a study or scan anew from its files."""
    from raysearch.study import load_study

    print((load_scan if is_scan(directory) else load_study)(directory).report())


@app.command()
def score(
    directory: Path,
    events: Path,
    out: Annotated[Path, typer.Option(help="HDF5 file for the scores, row by row.")],
    objective: Annotated[
        str | None, typer.Option(help="Whose choice scores; default: the study's objective.")
    ] = None,
) -> None:
    """Score the events of a file with the detector a study chose."""
    from raysearch.score import score_file

    rows = score_file(directory, events, out, objective)
    print(f"{rows} events scored: {out}")


@app.command()
def benchmark(
    only: Annotated[
        list[str] | None,
        typer.Option(help="packed, packing, trees, overhead, reading or toys; repeatable."),
    ] = None,
    quick: Annotated[bool, typer.Option(help="Seconds each, to see that it works.")] = False,
    json: Annotated[bool, typer.Option(help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure raysearch on this machine, as ratios within one run."""
    from raysearch.benchmarks import run_benchmarks
    from raysearch.benchmarks.machine import machine
    from raysearch.benchmarks.table import as_json, print_table

    found = run_benchmarks(only or (), quick=quick)
    if json:
        print(as_json(found, machine()))
    else:
        print_table(found, machine())


@app.command()
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
    n_signal_select: Annotated[
        int | None, typer.Option(help="Signal events of a toy when candidates are judged.")
    ] = None,
    stop_at: Annotated[
        float | None, typer.Option(help="Stop once the toys exclude this value of p.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Every random choice follows from it.")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Directory of the result; default: a new one in studies/.")
    ] = None,
    address: Address = None,
) -> None:
    """Test whether DATA are a sample of the distribution of REFERENCE."""
    from raysearch.nplm import nplm_test

    result = nplm_test(
        data,
        reference,
        columns=columns.split(",") if columns else None,
        toys=toys,
        sigma=() if sigma == "auto" else _numbers("--sigma", sigma, float),
        aggregate=aggregate,
        method=method,
        draws=draws,
        weights=weights,
        expected=expected,
        signal=signal,
        inject=_numbers("--inject", inject, int) if inject else (),
        injected_toys=injected_toys,
        centres=centres,
        penalty=penalty,
        solver=solver,
        hidden=_numbers("--hidden", hidden, int),
        clip=clip,
        steps=steps,
        reference_size=reference_size,
        device=device,
        select=[candidate_from_words(words) for words in select or ()],
        n_signal_select=n_signal_select,
        stop_at=stop_at,
        seed=seed,
        out=out,
        address=address,
    )
    print(result.summary())


def main(command: Sequence[str] = ()) -> None:
    """Run the command line; what the user got wrong is one sentence and exit status 2.

    Args:
        command: words in front of those given on the command line.
    """
    sys.path.append(str(Path.cwd()))  # for --space module:function, as `python -m` does
    try:
        app([*command, *sys.argv[1:]])
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def _numbers(option: str, text: str, kind: Callable[[str], _Number]) -> list[_Number]:
    try:
        return [kind(word) for word in text.split(",")]
    except ValueError:
        raise InputError(f"{option} must be numbers, a,b,..., but got {text!r}.") from None


def _edges(text: str) -> tuple[float, float]:
    try:
        low, high = (float(edge) for edge in text.split(","))
    except ValueError:
        raise InputError(
            f"--signal-region must be two numbers in TeV, low,high, but got {text!r}."
        ) from None
    return low, high


def _end(study: Study) -> None:
    print(study.summary())
    if study.about["ended_early"] == INTERRUPTED:
        raise typer.Exit(_INTERRUPTED_STATUS)


def _end_scan(scan: Scan) -> None:
    if not scan.about["complete"]:
        raise typer.Exit(_INTERRUPTED_STATUS)
