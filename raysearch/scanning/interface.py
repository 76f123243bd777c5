"""The Python interface of the scan."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from raysearch.connection import check_address, connected
from raysearch.density import CathodeSettings
from raysearch.directories import check_directory, differing, locked, new_directory
from raysearch.errors import InputError
from raysearch.files import write_json
from raysearch.inputs import INPUTS, Inputs, Source, are_those, describe, moved, stored, unchanged
from raysearch.malformed import as_written
from raysearch.progress import Say
from raysearch.provenance import git_commit, versions
from raysearch.remote.kept import is_replaced, kept
from raysearch.scanning.cost import Cost, estimate
from raysearch.scanning.execute import draw_all, execute
from raysearch.scanning.inputs import rehearsals, scan_inputs
from raysearch.scanning.result import SCAN, SCHEMA, Scan, is_scan, load_scan
from raysearch.scanning.settings import MOST_CPU_HOURS, ScanSettings, scan_settings_from_json


def scan(
    events: Source | None = None,
    *,
    template: Source | None = None,
    test: Source | None = None,
    n_signal: Sequence[int] = ScanSettings.n_signal,
    modes: Sequence[str] = ScanSettings.modes,
    features: Sequence[str] = ScanSettings.features,
    detectors: Sequence[str] = ScanSettings.detectors,
    objectives: Sequence[str] = ScanSettings.objectives,
    sets: int = ScanSettings.sets,
    repeats: int = ScanSettings.repeats,
    seed: int = ScanSettings.seed,
    signal_region_tev: tuple[float, float] = ScanSettings.signal_region_tev,
    sideband_width_tev: float = ScanSettings.sideband_width_tev,
    cathode: CathodeSettings | None = None,
    max_cpu_hours: float = MOST_CPU_HOURS,
    yes: bool = False,
    address: str | None = None,
    out: Path | str | None = None,
    say: Say = print,
) -> Scan:
    """Try the same hyperparameter sets at every number of signal events, in every mode.

    In each cell (mode, features, number of signal events) every set of every detector is trained
    on halves of the sample; the set that an objective chooses is trained once more on all of it.
    The band over repeats is that of fits and halves: the events are the same, and each number of
    signal events contains the smaller ones. Another `seed` draws other events.

    A scan runs on CPUs alone, whatever GPUs its nodes have.

    What is finished is on disk the moment it ends: the same call with the same `out` goes on where
    an interrupted one ended.

    Args:
        events: a labelled file, or events in memory; None for the embedded surrogate.
        template: background of the signal region, for the modes that take one; None to take a
            share of the labelled background.
        test: labelled events that only the supervised metric sees; None to set some aside.
        n_signal: numbers of injected signal events, over all masses.
        modes: of "supervised", "idealised", "cwola" and "cathode".
        features: feature sets, variants included.
        detectors: each is searched in the space of its name.
        objectives: that choose a set.
        sets: hyperparameter sets of each detector.
        repeats: fits of each set.
        seed: every random choice follows from it.
        signal_region_tev: lower and upper edge in mjj.
        sideband_width_tev: of each sideband (cwola).
        cathode: density and sampling (cathode); None for the defaults.
        max_cpu_hours: a scan that is estimated to take more is refused.
        yes: run it all the same.
        address: of a Ray cluster; None for this machine (or the surrounding Ray job's cluster).
        out: directory of the scan, or the URI of a place in an object store; None for a new one in
            ``studies/``.
        say: receives progress, line by line.

    Returns:
        The scan; its files lie in `out`.

    Raises:
        InputError: if anything given breaks a rule; as early as possible, before Ray starts.
    """
    settings = ScanSettings(
        n_signal=tuple(n_signal),
        modes=tuple(modes),
        features=tuple(features),
        detectors=tuple(detectors),
        objectives=tuple(objectives),
        sets=sets,
        repeats=repeats,
        seed=seed,
        signal_region_tev=signal_region_tev,
        sideband_width_tev=sideband_width_tev,
        cathode=cathode or CathodeSettings(),
    )
    check_address(address)
    sources = {"events": events, "template": template, "test": test}
    most = None if yes else max_cpu_hours
    with kept(out if out is not None else new_directory("scan"), say) as directory:
        if is_scan(directory):
            held = load_scan(directory)
            _check_same(held, settings, sources)
            return _go_on(held, sources, address, say)
        return _begin(directory, settings, sources, most, address, say)


def resume_scan(directory: Path | str, *, address: str | None = None, say: Say = print) -> Scan:
    """Go on with a scan that was interrupted; no finished trial runs again.

    Args:
        directory: of the scan, or its URI.
        address: of a Ray cluster; None for this machine.
        say: receives progress, line by line.

    Raises:
        InputError: if there is no scan, its inputs changed, or it is running already.
    """
    with kept(directory, say) as here:
        held = load_scan(here)
        with as_written(here, "scan"):
            # A complete one needs its inputs no more.
            done = held.about.get("complete")
            sources = {} if done else unchanged(held.about["inputs"], here / INPUTS)
        return _go_on(held, sources, address, say)


def _begin(
    directory: Path,
    settings: ScanSettings,
    sources: Mapping[str, Source | None],
    most_cpu_hours: float | None,
    address: str | None,
    say: Say,
) -> Scan:
    """Begin a scan in a directory that holds none."""
    check_directory(directory)
    inputs = scan_inputs(sources, settings)
    cost = _estimated(inputs, settings, say)
    if most_cpu_hours is not None:
        cost.check(most_cpu_hours)
    with locked(directory, "scan"):
        _check_free(directory)
        _create(directory, settings, describe(stored(sources, directory / INPUTS)), cost)
        return _run(directory, settings, inputs, address, say)


def _go_on(held: Scan, sources: Mapping[str, Source | None], address: str | None, say: Say) -> Scan:
    """Go on with a scan, from inputs that are known to be those it began with."""
    if held.about.get("complete"):
        say(f"the scan is complete; its report is written anew: {held.report()}")
        return held
    check_address(address)
    with as_written(held.directory, "scan"):
        settings = scan_settings_from_json(held.about["settings"])
        _say_what_changed(held.about, say)
    inputs = scan_inputs(sources, settings)
    with locked(held.directory, "scan"):
        about = held.about
        about["inputs"] = moved(about["inputs"], sources, held.directory / INPUTS)
        write_json(held.directory / SCAN, about)
        return _run(held.directory, settings, inputs, address, say)


def _run(
    directory: Path,
    settings: ScanSettings,
    inputs: Mapping[str, Inputs],
    address: str | None,
    say: Say,
) -> Scan:
    with connected(address, 0.0, say):
        # Imports Ray.
        from raysearch.scanning.parallel import RayTasks

        halt = partial(is_replaced, directory)
        return execute(Scan(directory), settings, inputs, RayTasks(), say, halt)


def _estimated(inputs: Mapping[str, Inputs], settings: ScanSettings, say: Say) -> Cost:
    tried = rehearsals(inputs, settings)
    say("timing a few short fits of each detector")
    cost = estimate(settings, draw_all(settings), tried)
    say(f"the scan will take about {cost}")
    return cost


def _create(directory: Path, settings: ScanSettings, inputs: Mapping[str, Any], cost: Cost) -> None:
    about = {
        "schema": SCHEMA,
        "settings": settings.as_json(),
        "inputs": inputs,
        "estimate": cost.as_json(),
        "versions": versions(),
        "git_commit": git_commit(),
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "complete": False,
    }
    write_json(directory / SCAN, about)


def _say_what_changed(about: Mapping[str, Any], say: Say) -> None:
    """Say if what is finished was made by other code than what is to come."""
    changed = differing(about.get("versions", {}), versions())
    if about.get("git_commit") != git_commit():
        changed.append("commit")
    if changed:
        say(
            f"this scan was begun with another {', '.join(changed)}: what is finished and what is "
            "run now may not compare"
        )


def _check_same(held: Scan, settings: ScanSettings, sources: Mapping[str, Source | None]) -> None:
    about = held.about
    asked = settings.as_json()
    with as_written(held.directory, "scan"):
        names = differing(scan_settings_from_json(about["settings"]).as_json(), asked)
    if not are_those(sources, about.get("inputs")):
        names.append("input files")
    if names:
        raise InputError(
            f"--out must be free or hold this very scan, but {held.directory} holds one of "
            f"different {', '.join(names)}; choose another directory, or go on with that one "
            f"by `raysearch resume {held.directory}`."
        )


def _check_free(directory: Path) -> None:
    others = [name for name in ("study.json", "nplm.json", SCAN) if (directory / name).exists()]
    if others:
        raise InputError(
            f"--out must be free, but {directory} holds {others[0]}; choose another directory."
        )
