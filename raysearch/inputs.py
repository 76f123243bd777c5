"""What a study reads: files, events in memory, or the embedded surrogate."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from raysearch.backgrounds import BACKGROUNDS, background
from raysearch.errors import InputError
from raysearch.events import Events, read_events, write_columns
from raysearch.events.surrogate import surrogate_events
from raysearch.features import select_union, union
from raysearch.files import sha256
from raysearch.regions import Window
from raysearch.seeds import number

Source = Events | Path | str
# The folder of a study in which events that were in memory lie.
INPUTS = "inputs"
NAMES = ("events", "template", "test")

# The embedded default: enough for a search of a few minutes on two cores.
SURROGATE_BACKGROUND = 180_000
SURROGATE_SIGNAL_POOL = 20_000
SURROGATE_TEMPLATE = 26_000
SURROGATE_TEST = (40_000, 10_000)


@dataclass(frozen=True, eq=False)
class Inputs:
    """The events of a study and where they came from.

    Attributes:
        events: what the study is about.
        template: background of the signal region, or None.
        test: labelled events, or None.
        is_surrogate: True if the exact likelihood ratio is known.
        shares_template: True if a share of the labelled background is set aside for a template
            whatever the mode, so that the data of several modes are the same.
    """

    events: Events
    template: Events | None
    test: Events | None
    is_surrogate: bool = False
    shares_template: bool = False


def stored(sources: Mapping[str, Source | None], directory: Path) -> dict[str, Path]:
    """Paths of the inputs that are given; events in memory are written into `directory` first."""
    paths = {}
    for name, source in sources.items():
        if isinstance(source, Events):
            paths[name] = (directory / f"{name}.h5").resolve()
            directory.mkdir(parents=True, exist_ok=True)
            write_columns(paths[name], source)
        elif source is not None:
            paths[name] = Path(source).resolve()
    return paths


def read_inputs(
    sources: Mapping[str, Source | None], features: Sequence[str], modes: Sequence[str]
) -> Inputs:
    """Read events, template and test, keeping the columns of the feature sets.

    If a mode takes its template from the labelled background, all modes do without that share:
    their data are the same events, and what is found in one compares with what is in another.

    Args:
        sources: under "events", "template" and "test" a path, events, or None.
        features: names of the feature sets.
        modes: that the events are for.

    Raises:
        InputError: if a file cannot be read or lacks a column, or if no mode has a use for the
            template.
    """
    _check_template(sources, modes)
    read = {
        name: None if source is None else _chosen(source, features)
        for name, source in sources.items()
    }
    if read["events"] is None:
        raise InputError("template and test need events beside them, but none were given.")
    shares = read["template"] is None and any(background(m).needs_template for m in modes)
    return Inputs(read["events"], read["template"], read["test"], shares_template=shares)


def for_mode(inputs: Inputs, mode: str) -> Inputs:
    """The inputs, without a template that the mode has no use for."""
    return inputs if background(mode).takes_template else replace(inputs, template=None)


def _check_template(sources: Mapping[str, Source | None], modes: Sequence[str]) -> None:
    takes = [mode.name for mode in BACKGROUNDS.values() if mode.takes_template]
    if sources["template"] is not None and not set(takes) & set(modes):
        raise InputError(
            f"--template is of use in the modes {' and '.join(takes)}, but asked for is "
            f"{', '.join(modes)}; leave it out or add a mode."
        )


def surrogate_inputs(
    features: Sequence[str], region: Window, n_signal: int | None, seed: int
) -> Inputs:
    """The embedded default: surrogate data with sidebands, template and test, all independent.

    Args:
        features: names of the feature sets.
        region: the signal region.
        n_signal: signal events the study injects, or None.
        seed: of the study.
    """
    window = (region.low_tev, region.high_tev)
    pool = max(SURROGATE_SIGNAL_POOL, n_signal or 0)
    parts = [
        surrogate_events(SURROGATE_BACKGROUND, pool, number(seed, "surrogate data")),
        surrogate_events(SURROGATE_TEMPLATE, 0, number(seed, "surrogate template"), window),
        surrogate_events(*SURROGATE_TEST, number(seed, "surrogate test"), window),
    ]
    events, template, test = (select_union(part, features) for part in parts)
    return Inputs(events, template, test, is_surrogate=True)


def describe(paths: Mapping[str, Path]) -> dict[str, dict[str, str]]:
    """Path and SHA-256 of each input file; empty for the embedded default."""
    return {name: {"path": str(p), "sha256": sha256(p)} for name, p in paths.items()}


def hashes(sources: Mapping[str, Source | None]) -> dict[str, str]:
    """SHA-256 of each input that is given; events in memory as if they were written."""
    with tempfile.TemporaryDirectory() as folder:
        found = describe(stored(sources, Path(folder)))
    return {name: entry["sha256"] for name, entry in found.items()}


def unchanged(origin: Mapping[str, Mapping[str, str]], directory: Path) -> dict[str, Path | None]:
    """The input files that a study began with (see `describe`), None for those it had not.

    Args:
        origin: what the study says of them.
        directory: of events that were in memory, see `stored`; it may lie elsewhere by now.

    Raises:
        InputError: if one of them is gone, is another file now, or is no input of a study.
    """
    if unknown := sorted(origin.keys() - set(NAMES)):
        raise InputError(f"inputs must be {', '.join(NAMES)}, but got {', '.join(unknown)}.")
    found = {name: _place(name, entry["path"], directory) for name, entry in origin.items()}
    for name, entry in origin.items():
        if not found[name].is_file():
            raise InputError(
                f"the {name} file of a resumed study must exist, but {entry['path']} does not; "
                "repeat the command that began it (a search with --go-on), with the file's new "
                "place and the same --out."
            )
        if (now := sha256(found[name])) != entry["sha256"]:
            raise InputError(
                f"the {name} file of a resumed study must be unchanged, but {found[name]} now "
                f"has SHA-256 {now[:12]}... instead of {entry['sha256'][:12]}...; restore it or "
                "start a new study."
            )
    return {name: found.get(name) for name in NAMES}


def _place(name: str, told: str, directory: Path) -> Path:
    """Where an input lies: where the study says, or in the study itself, which was copied here."""
    copied = directory / f"{name}.h5"
    return copied if copied.is_file() and not Path(told).is_file() else Path(told)


def are_those(sources: Mapping[str, Source | None], origin: object) -> bool:
    """Whether these inputs are the ones that a study began with, wherever they lie now.

    Args:
        sources: the inputs.
        origin: what a study says of its own, see `describe`; unchecked.
    """
    if not isinstance(origin, dict):
        return False
    held = {k: entry.get("sha256") for k, entry in origin.items() if isinstance(entry, dict)}
    return len(held) == len(origin) and held == hashes(sources)


def moved(
    origin: Mapping[str, Mapping[str, str]], sources: Mapping[str, Source | None], directory: Path
) -> dict[str, dict[str, str]]:
    """What `describe` gave, with the places where the same inputs lie now; see `stored`."""
    now = stored(sources, directory)
    return {name: {**entry, "path": str(now[name])} for name, entry in origin.items()}


def _chosen(source: Source, features: Sequence[str]) -> Events:
    if isinstance(source, Events):
        return select_union(source, features)
    # What no set needs is not even derived.
    return read_events(source, union(features))
