"""What a scan reads, and whether it allows every cell; before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from raysearch.backgrounds import BACKGROUNDS, background
from raysearch.errors import InputError
from raysearch.inputs import Inputs, Source, read_inputs, surrogate_inputs
from raysearch.prepare import Rehearsal, rehearse
from raysearch.regions import Window
from raysearch.scanning.cells import Cell
from raysearch.scanning.settings import ScanSettings
from raysearch.scanning.work import for_mode


def scan_inputs(sources: Mapping[str, Source | None], settings: ScanSettings) -> dict[str, Inputs]:
    """The events of a scan, by feature set.

    If a mode takes its template from the labelled background, all modes do without that share:
    their data are the same events, and what is found in one compares with what is in another.

    Args:
        sources: under "events", "template" and "test" a path, events, or None.
        settings: of the scan.

    Raises:
        InputError: if a file cannot be read, lacks a column or has no labels, or if no mode has a
            use for the template.
    """
    if all(source is None for source in sources.values()):
        return {name: _surrogate(settings, name) for name in settings.features}
    _check_template(sources, settings)
    found = {name: read_inputs(sources, name) for name in settings.features}
    if any(inputs.events.labels is None for inputs in found.values()):
        raise InputError(
            "a scan injects signal from labelled events, but the events have no labels; add a "
            "label column, or use `raysearch search` on events without labels."
        )
    if sources["template"] is None and any(background(m).needs_template for m in settings.modes):
        return {name: replace(own, shares_template=True) for name, own in found.items()}
    return found


def _surrogate(settings: ScanSettings, features: str) -> Inputs:
    region, most = Window(*settings.signal_region_tev), max(settings.n_signal)
    inputs = surrogate_inputs(features, region, most, settings.seed)
    # The exact likelihood ratio takes long, and no result of a scan asks for it.
    return replace(inputs, is_surrogate=False)


def _check_template(sources: Mapping[str, Source | None], settings: ScanSettings) -> None:
    takes = [mode for mode in BACKGROUNDS.values() if mode.takes_template]
    if sources["template"] is not None and not {m.name for m in takes} & set(settings.modes):
        raise InputError(
            f"--template is of use in the modes {' and '.join(m.name for m in takes)}, but the "
            f"scan is of {', '.join(settings.modes)}; leave it out or add a mode."
        )


def rehearsals(inputs: Mapping[str, Inputs], settings: ScanSettings) -> dict[Cell, Rehearsal]:
    """What the cells of most signal will be; those of least signal are tried as well.

    Raises:
        InputError: if a cell cannot be prepared.
    """
    found: dict[Cell, Rehearsal] = {}
    for cell in settings.cells():
        if cell.n_signal in (settings.n_signal[0], settings.n_signal[-1]):
            given = for_mode(inputs[cell.features], cell.mode)
            tried = rehearse(given, settings.of_cell(cell))
            if cell.n_signal == settings.n_signal[-1]:
                found[cell] = tried
    return found
