"""What a scan reads, and whether it allows every cell; before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping

from raysearch.errors import InputError
from raysearch.inputs import Inputs, Source, read_inputs, surrogate_inputs
from raysearch.prepare import Rehearsal, rehearse
from raysearch.regions import Window
from raysearch.scanning.cells import Cell
from raysearch.scanning.settings import ScanSettings


def scan_inputs(sources: Mapping[str, Source | None], settings: ScanSettings) -> dict[str, Inputs]:
    """The events of a scan, by feature set; all modes have the same data.

    Args:
        sources: under "events", "template" and "test" a path, events, or None.
        settings: of the scan.

    Raises:
        InputError: if a file cannot be read, lacks a column or has no labels, or if no mode has a
            use for the template.
    """
    if all(source is None for source in sources.values()):
        return {name: _surrogate(settings, name) for name in settings.features}
    found = {name: read_inputs(sources, [name], settings.modes) for name in settings.features}
    if any(inputs.events.labels is None for inputs in found.values()):
        raise InputError(
            "a scan injects signal from labelled events, but the events have no labels; add a "
            "label column, or use `raysearch search` on events without labels."
        )
    return found


def _surrogate(settings: ScanSettings, features: str) -> Inputs:
    region, most = Window(*settings.signal_region_tev), max(settings.n_signal)
    return surrogate_inputs([features], region, most, settings.seed)


def rehearsals(inputs: Mapping[str, Inputs], settings: ScanSettings) -> dict[Cell, Rehearsal]:
    """What the cells of most signal will be; those of least signal are tried as well.

    Raises:
        InputError: if a cell cannot be prepared.
    """
    found: dict[Cell, Rehearsal] = {}
    for cell in settings.cells():
        if cell.n_signal in (settings.n_signal[0], settings.n_signal[-1]):
            tried = rehearse(inputs[cell.features], settings.of_cell(cell), cell.view)
            if cell.n_signal == settings.n_signal[-1]:
                found[cell] = tried
    return found
