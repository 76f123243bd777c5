"""`raysearch scan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from raysearch.commands import options
from raysearch.commands.ending import end_scan
from raysearch.commands.words import edges, edges_word
from raysearch.density import cathode_from_words
from raysearch.scanning import ScanSettings
from raysearch.scanning.settings import MOST_CPU_HOURS, progression

_SIGNAL_REGION = edges_word(ScanSettings.signal_region_tev)


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
    seed: options.Seed = ScanSettings.seed,
    template: options.Template = None,
    test: options.TestEvents = None,
    signal_region: options.SignalRegion = _SIGNAL_REGION,
    sideband_width: options.SidebandWidth = ScanSettings.sideband_width_tev,
    cathode: options.Cathode = None,
    max_cpu_hours: Annotated[
        float, typer.Option(help="Refuse a scan that is estimated to take more.")
    ] = MOST_CPU_HOURS,
    yes: Annotated[bool, typer.Option("--yes", help="Run it whatever it takes.")] = False,
    out: options.Out = None,
    address: options.Address = None,
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
        signal_region_tev=edges(signal_region),
        sideband_width_tev=sideband_width,
        cathode=cathode_from_words(cathode or ()),
        max_cpu_hours=max_cpu_hours,
        yes=yes,
        address=address,
        out=out,
    )
    end_scan(found)
