"""`raysearch search`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from raysearch.commands import options
from raysearch.commands.ending import end_study
from raysearch.commands.words import edges, edges_word
from raysearch.density import cathode_from_words
from raysearch.objectives import OBJECTIVES
from raysearch.settings import Resources, Settings
from raysearch.tuning.place import Place

_SIGNAL_REGION = edges_word(Settings.signal_region_tev)


def search(
    events: Annotated[
        Path | None, typer.Argument(help="HDF5 events; default: the embedded surrogate.")
    ] = None,
    mode: Annotated[
        str, typer.Option(help="supervised, or of idealised, cwola, cathode one or several.")
    ] = ",".join(Settings.mode),
    features: Annotated[
        str, typer.Option(help="Feature sets, a,b,...; +rotated and +noiseN may follow each.")
    ] = ",".join(Settings.features),
    space: Annotated[
        str, typer.Option(help="Search space: a name, or module:function.")
    ] = Settings.space,
    objective: Annotated[
        str, typer.Option(help=f"What is optimised: {', '.join(OBJECTIVES)}.")
    ] = Settings.objective,
    sampler: Annotated[str, typer.Option(help="tpe or random.")] = Settings.sampler,
    strategy: Annotated[
        str, typer.Option(help="Mode and features: joint with the rest, or steps one by one.")
    ] = Settings.strategy,
    trials: Annotated[int, typer.Option(help="Setups to try.")] = Settings.trials,
    repeats: Annotated[int, typer.Option(help="Fits of each setup.")] = Settings.repeats,
    seed: options.Seed = Settings.seed,
    n_signal: Annotated[
        int | None,
        typer.Option(help="Signal events to inject; default: 1000, or all if there are fewer."),
    ] = None,
    template: options.Template = None,
    test: options.TestEvents = None,
    signal_region: options.SignalRegion = _SIGNAL_REGION,
    sideband_width: options.SidebandWidth = Settings.sideband_width_tev,
    cathode: options.Cathode = None,
    verdict_share: Annotated[
        float,
        typer.Option(help="Share of events that choose nothing and say whether to; 0: do not ask."),
    ] = Settings.verdict_share,
    contenders: Annotated[
        int, typer.Option(help="Best trials of which the recommended detector is the mean.")
    ] = Settings.contenders,
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
    trial_timeout_s: Annotated[
        float | None, typer.Option(help="A trial that takes longer has failed.")
    ] = None,
    out: options.Out = None,
    go_on: Annotated[
        bool, typer.Option("--go-on", help="Resume the study in --out if it is this very one.")
    ] = False,
    history: Annotated[
        str, typer.Option(help="Where trials are kept: sqlite, journal or postgresql://...")
    ] = Place.where,
    join: Annotated[
        bool, typer.Option("--join", help="Take part in the study that another process runs.")
    ] = False,
    address: options.Address = None,
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
        strategy=strategy,
        trials=trials,
        repeats=repeats,
        seed=seed,
        n_signal=n_signal,
        signal_region_tev=edges(signal_region),
        sideband_width_tev=sideband_width,
        cathode=cathode_from_words(cathode or ()),
        verdict_share=verdict_share,
        contenders=contenders,
        gpus_per_trial=gpus_per_trial,
        time_budget_s=time_budget_s,
        backend=backend,
        trials_per_pack=trials_per_pack,
        trial_timeout_s=trial_timeout_s,
        address=address,
        out=out,
        go_on=go_on,
        history=history,
        join=join,
    )
    if not join:
        end_study(study)
