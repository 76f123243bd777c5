"""The Python interface: search, resume."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from raysearch.begun import check_free, goes_on, is_complete, running
from raysearch.connection import check_address, connected
from raysearch.density import CathodeSettings, Conduct
from raysearch.directories import (
    locked,
    new_directory,
)
from raysearch.events import Events, read_events, write_columns
from raysearch.files import write_json
from raysearch.inputs import (
    INPUTS,
    Inputs,
    Source,
    describe,
    moved,
    read_inputs,
    stored,
    surrogate_inputs,
    unchanged,
)
from raysearch.malformed import as_written
from raysearch.prepare import PreparedStudy, prepare_study
from raysearch.progress import Say
from raysearch.provenance import git_commit, versions
from raysearch.ready import preparation
from raysearch.remote import check_local
from raysearch.remote.kept import is_replaced, kept
from raysearch.settings import Resources, Settings, names, settings_from_json
from raysearch.spaces import Space, check_outside, space_name
from raysearch.spaces import space as find_space
from raysearch.storage import written
from raysearch.study import SCHEMA, STUDY, Study, generated_name, load_study
from raysearch.tuning.place import Place, place


def search(
    events: Source | None = None,
    *,
    template: Source | None = None,
    test: Source | None = None,
    mode: str | Sequence[str] = Settings.mode,
    features: str | Sequence[str] = Settings.features,
    space: str | Space = Settings.space,
    objective: str = Settings.objective,
    sampler: str = Settings.sampler,
    strategy: str = Settings.strategy,
    trials: int = Settings.trials,
    repeats: int = Settings.repeats,
    seed: int = Settings.seed,
    n_signal: int | None = None,
    signal_region_tev: tuple[float, float] = Settings.signal_region_tev,
    sideband_width_tev: float = Settings.sideband_width_tev,
    cathode: CathodeSettings | None = None,
    verdict_share: float = Settings.verdict_share,
    contenders: int = Settings.contenders,
    gpus_per_trial: float = 0.0,
    time_budget_s: float | None = None,
    backend: str = Resources.backend,
    trials_per_pack: int | None = None,
    trial_timeout_s: float | None = None,
    address: str | None = None,
    out: Path | str | None = None,
    go_on: bool = False,
    history: str = Place.where,
    join: bool = False,
    say: Say = print,
) -> Study:
    """Search for the best setup, judged from the data alone.

    Args:
        events: a file, or events in memory; None for the embedded surrogate.
        template: background of the signal region for the idealised mode; None to take a share of
            the labelled background.
        test: labelled events that only the supervised metric sees; None to set some aside.
        mode: "supervised", or one or several of "idealised", "cwola" and "cathode", as a list or
            with commas: the search chooses among them, too.
        features: one or several feature sets, e.g. "baseline", or a variant of one:
            "baseline+rotated+noise10".
        space: name of a search space, ``module:function``, or a module-level function.
        objective: "val_sic", "val_loss", "max_sic", or of calibrated scores of all rows
            "cross_sic", "sic_bound", "sic_area", "excess_significance".
        sampler: "tpe" or "random".
        strategy: "joint" suggests mode and features together with the hyperparameters, "steps"
            searches hyperparameters in the first mode on the first feature set before.
        trials: how many setups are tried.
        repeats: independent fits of each setup.
        seed: every random choice follows from it.
        n_signal: signal events injected from the labelled pool; None for 1000, or all if fewer.
        signal_region_tev: lower and upper edge in mjj.
        sideband_width_tev: of each sideband (cwola).
        cathode: density and sampling (cathode); None for the defaults.
        verdict_share: of data and template, which choose nothing and then tell whether to prefer
            anything at all; 0 to let all choose and not to ask.
        contenders: of how many of the best trials the recommended detector is the mean.
        gpus_per_trial: share of a GPU for each trial.
        time_budget_s: the search ends after this many seconds.
        backend: "tune", "direct" (less work for each trial), or "auto": direct for short ones.
        trials_per_pack: networks of so many trials may be trained as one; None to measure it.
        trial_timeout_s: a trial that takes longer has failed, e.g. since it hangs.
        address: of a Ray cluster; None for this machine (or the surrounding Ray job's cluster).
        out: directory of the study, or the URI of a place in an object store, e.g.
            ``s3://bucket/first``; None for a new one in ``studies/``.
        go_on: resume the study in `out` if it is this very one; what trials occupy, and how long
            the search may take, is what is given now.
        history: where trials are kept: "sqlite", "journal" (a file that only grows, for shared
            file systems on which a database is not safe), or ``postgresql://user@host/database``
            (libpq finds the password, in ~/.pgpass or PGPASSWORD).
        join: take part in the study that another process runs in `out`: run some of its trials,
            and leave what follows to that process.
        say: receives progress, line by line.

    Returns:
        The finished study; of one that was joined, all whose trials have ended.

    Raises:
        InputError: if anything given breaks a rule; as early as possible, before Ray starts.
    """
    settings = Settings(
        mode=names(mode),
        features=names(features),
        space=space_name(space),
        objective=objective,
        sampler=sampler,
        strategy=strategy,
        trials=trials,
        repeats=repeats,
        seed=seed,
        n_signal=n_signal,
        signal_region_tev=signal_region_tev,
        sideband_width_tev=sideband_width_tev,
        cathode=cathode or CathodeSettings(),
        verdict_share=verdict_share,
        contenders=contenders,
    )
    resources = Resources(gpus_per_trial, time_budget_s, backend, trials_per_pack, trial_timeout_s)
    find_space(settings.space)
    check_address(address)
    chosen = out if out is not None else new_directory("search")
    sources = {"events": events, "template": template, "test": test}
    where = place(history)
    if join:
        check_local(chosen)
        study = running(Path(chosen), settings, where, sources)
        return _join(study, settings, sources, resources, address, say)
    with kept(chosen, say) as directory:
        if go_on and goes_on(directory, settings, where, sources):
            return _go_on(load_study(directory), sources, resources, address, say)
        return _begin(directory, settings, where, sources, resources, address, say)


def resume(directory: Path | str, *, address: str | None = None, say: Say = print) -> Study:
    """Go on with a study that was interrupted; no finished trial runs again.

    Args:
        directory: of the study, or its URI.
        address: of a Ray cluster; None for this machine.
        say: receives progress, line by line.

    Raises:
        InputError: if there is no study, its inputs changed, it is running already, or it holds
            the code of its own search space.
    """
    with kept(directory, say) as here:
        study = load_study(here)
        with as_written(here):
            check_outside(study.about["settings"]["space"], study.directory)
            # A complete one needs its inputs no more.
            sources = {} if is_complete(study) else unchanged(study.about["inputs"], here / INPUTS)
            resources = Resources(**study.about["resources"])
        return _go_on(study, sources, resources, address, say)


def _begin(
    directory: Path,
    settings: Settings,
    where: Place,
    sources: Mapping[str, Source | None],
    resources: Resources,
    address: str | None,
    say: Say,
) -> Study:
    """Begin a study in a directory that holds none."""
    check_free(directory, settings, where)
    halt = partial(is_replaced, directory)
    prepare = preparation(_inputs(sources, settings), settings, say, halt)
    with locked(directory), connected(address, resources.gpus_per_trial, say):
        check_free(directory, settings, where)
        prepared = prepare()
        inputs = describe(stored(sources, directory / INPUTS))
        study = _create(directory, settings, where, inputs, prepared, resources)
        return _execute(study, settings, prepared, resources, say)


def _go_on(
    study: Study,
    sources: Mapping[str, Source | None],
    resources: Resources,
    address: str | None,
    say: Say,
) -> Study:
    """Go on with a study, from inputs that are known to be those it began with."""
    if is_complete(study):
        say(f"the study is complete; its report is written anew: {study.report()}")
        return study
    check_address(address)
    with as_written(study.directory):
        settings = settings_from_json(study.about["settings"])
        generated = _generated(study.directory, settings)
    conduct = Conduct(say, partial(is_replaced, study.directory))
    inputs = _inputs(sources, settings)
    prepared = prepare_study(inputs, settings, generated=generated, conduct=conduct)
    with locked(study.directory), connected(address, resources.gpus_per_trial, say):
        about = study.about
        about["inputs"] = moved(about["inputs"], sources, study.directory / INPUTS)
        about["resources"] = asdict(resources)
        write_json(study.directory / STUDY, about)
        return _execute(study, settings, prepared, resources, say)


def _join(
    study: Study,
    settings: Settings,
    sources: Mapping[str, Source | None],
    resources: Resources,
    address: str | None,
    say: Say,
) -> Study:
    """Take part in a study that another process runs."""
    check_address(address)
    generated = _generated(study.directory, settings)
    inputs, conduct = _inputs(sources, settings), Conduct(say)
    prepared = prepare_study(inputs, settings, generated=generated, conduct=conduct)
    with written(study.directory, "study"), connected(address, resources.gpus_per_trial, say):
        # Ray takes seconds to import.
        from raysearch.execute import take_part

        return take_part(study, settings, prepared, resources, say)


def _inputs(sources: Mapping[str, Source | None], settings: Settings) -> Inputs:
    if any(source is not None for source in sources.values()):
        return read_inputs(sources, settings.features, settings.mode)
    return surrogate_inputs(settings.features, settings.region, settings.n_signal, settings.seed)


def _generated(directory: Path, settings: Settings) -> dict[str, Events]:
    """The templates that the study generated when it began, so that resuming trains nothing."""
    paths = {name: directory / generated_name(name) for name in settings.features}
    return {name: read_events(path) for name, path in paths.items() if path.is_file()}


def _create(
    directory: Path,
    settings: Settings,
    where: Place,
    inputs: Mapping[str, Any],
    prepared: PreparedStudy,
    resources: Resources,
) -> Study:
    about = {
        "schema": SCHEMA,
        "settings": settings.as_json(),
        "resources": asdict(resources),
        "history": asdict(where),
        "inputs": inputs,
        "counts": prepared.counts,
        "versions": versions(),
        "git_commit": git_commit(),
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    if prepared.densities:
        about["density"] = prepared.densities
    for features, events in prepared.generated.items():
        write_columns(directory / generated_name(features), events)
    write_json(directory / STUDY, about)
    return load_study(directory)


def _execute(
    study: Study, settings: Settings, prepared: PreparedStudy, resources: Resources, say: Say
) -> Study:
    # Ray takes seconds to import; what needs no search should not wait for it.
    from raysearch.execute import execute

    halt = partial(is_replaced, study.directory)
    return execute(study, settings, prepared, resources, say, halt)
