"""What can be said of a command before it is submitted: whether it is right, whether it is new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from raysearch.commands.parse import Command
from raysearch.commands.words import edges
from raysearch.density import cathode_from_words
from raysearch.directories import differing
from raysearch.errors import InputError
from raysearch.malformed import as_written
from raysearch.scanning import ScanSettings, is_scan, load_scan
from raysearch.scanning.settings import progression
from raysearch.settings import Settings
from raysearch.settings import names as split
from raysearch.study import STUDY, load_study
from raysearch.tuning.place import Place

_LISTS = frozenset({"mode", "modes", "features", "detectors", "objectives"})


def settings_of(command: Command) -> Settings | ScanSettings | None:
    """The settings of the study that a search or a scan will make; None for other commands.

    Raises:
        InputError: if a name is unknown, a number breaks its rule, or a URL holds a password.
    """
    if command.name == "search":
        # Whatever it holds is sent to the cluster, and logged there.
        Place(command.values["history"])
        return Settings(**_plain(command, Settings), **_shared(command.values))
    if command.name == "scan":
        return _scan_settings(command)
    return None


def check_existing(directory: Path, settings: Settings | ScanSettings | None) -> None:
    """Refuse a directory on this machine that holds another study, listing what differs."""
    if settings is None or (held := _held(directory, settings)) is None:
        return
    with as_written(directory):
        names = differing(held, settings.as_json())
    if names:
        raise InputError(
            f"--out must be new, or hold this very study, but {directory} holds one of different "
            f"{', '.join(names)}; choose another directory, or go on with that one by "
            f"`raysearch resume {directory}`."
        )


def _held(directory: Path, settings: Settings | ScanSettings) -> Mapping[str, Any] | None:
    with as_written(directory):
        return _read(directory, settings)


def _read(directory: Path, settings: Settings | ScanSettings) -> Mapping[str, Any] | None:
    if isinstance(settings, ScanSettings):
        return load_scan(directory).about["settings"] if is_scan(directory) else None
    return load_study(directory).about["settings"] if (directory / STUDY).exists() else None


def _scan_settings(command: Command) -> ScanSettings:
    given = _plain(command, ScanSettings)
    given["n_signal"] = tuple(progression(given["n_signal"].split(",")))
    return ScanSettings(**given, **_shared(command.values))


def _plain(command: Command, kind: type) -> dict[str, Any]:
    names = {field.name for field in fields(kind)} & command.values.keys() - {"cathode"}
    given = {name: command.values[name] for name in names}
    return given | {name: split(given[name]) for name in names & _LISTS}


def _shared(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "signal_region_tev": edges(values["signal_region"]),
        "sideband_width_tev": values["sideband_width"],
        "cathode": cathode_from_words(values["cathode"] or ()),
    }
