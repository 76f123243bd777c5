"""Run what is left of a scan and keep its files up to date. No Ray."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from raysearch.events import Events, read_events, write_columns
from raysearch.files import write_json
from raysearch.inputs import Inputs
from raysearch.malformed import as_written
from raysearch.progress import Halt, Say, never
from raysearch.records import INTERRUPTED
from raysearch.scanning.cells import Cell
from raysearch.scanning.conduct import Conduct, Plan
from raysearch.scanning.executor import Executor
from raysearch.scanning.result import SCAN, TABLE, TABLE_SCHEMA, TEMPLATES, Scan
from raysearch.scanning.results import Results, read_results
from raysearch.scanning.sets import Suggested, draw_sets
from raysearch.scanning.settings import ScanSettings
from raysearch.scanning.table import scan_table
from raysearch.schemas import write_table
from raysearch.tuning.ending import Ending

_WRITE_EVERY_S = 10.0
# The table is written whole; of a large scan that takes longer, so it is done less often.
_WRITE_SHARE = 0.05


def draw_all(settings: ScanSettings) -> dict[str, list[Suggested]]:
    """The sets of every detector of a scan."""
    return {name: draw_sets(name, settings.sets, settings.seed) for name in settings.detectors}


def execute(
    scan: Scan,
    settings: ScanSettings,
    inputs: Mapping[str, Inputs],
    executor: Executor,
    say: Say,
    halt: Halt = never,
) -> Scan:
    """Run what is left of the scan and write its files.

    Args:
        scan: whose directory holds scan.json already.
        settings: of the scan.
        inputs: by feature set.
        executor: where its pieces run.
        say: receives progress, line by line.
        halt: asked between two steps whether to end early, as Ctrl-C does.
    """
    started = time.monotonic()
    sets, ending = draw_all(settings), Ending(halt=halt)
    with as_written(scan.directory, "scan"):
        results = read_results(scan.directory)
        # It has to make sense when this run ends.
        scan_table(results, sets, settings.repeats)
    templates = _Templates(scan.directory / TEMPLATES)
    plan = Plan(settings, sets, inputs, templates.read, templates.keep)

    def write() -> None:
        _write_table(scan.directory, results, sets, settings.repeats)

    with ending.on_ctrl_c():
        Conduct(plan, results, executor, say, _now_and_then(write)).run(ending)
    write()
    _write_ending(scan, results, ending.reason, time.monotonic() - started)
    if ending.reason == INTERRUPTED:
        say(f"interrupted; go on by `raysearch resume {scan.directory}`")
    elif results.lost:
        say(
            f"{results.lost} trials and ensembles were lost with their workers; try them again by "
            f"`raysearch resume {scan.directory}`"
        )
    say(f"report: {scan.report()}")
    return scan


@dataclass(frozen=True)
class _Templates:
    """The generated templates of a scan, kept so that a resumed one trains no density again."""

    directory: Path

    def read(self, cell: Cell) -> Events | None:
        path = self._path(cell)
        return read_events(path) if path.is_file() else None

    def keep(self, cell: Cell, generated: Events) -> None:
        if not self._path(cell).is_file():
            self.directory.mkdir(exist_ok=True)
            write_columns(self._path(cell), generated)

    def _path(self, cell: Cell) -> Path:
        return self.directory / f"{cell.name}.h5"


def _now_and_then(write: Callable[[], None]) -> Callable[[], None]:
    """Calls `write` every few seconds at most, and so that it takes a small part of the time."""
    due = time.monotonic() + _WRITE_EVERY_S

    def tick() -> None:
        nonlocal due
        started = time.monotonic()
        if started > due:
            write()
            now = time.monotonic()
            due = now + max(_WRITE_EVERY_S, (now - started) / _WRITE_SHARE)

    return tick


def _write_table(
    directory: Path, results: Results, sets: Mapping[str, Sequence[Suggested]], repeats: int
) -> None:
    write_table(directory / TABLE, scan_table(results, sets, repeats), TABLE_SCHEMA)


def _write_ending(scan: Scan, results: Results, reason: str | None, seconds: float) -> None:
    about = scan.about
    with as_written(scan.directory, "scan"):
        spent = about.get("wall_seconds", 0.0) + seconds
    about |= {"wall_seconds": round(spent, 1), "complete": reason is None and not results.lost}
    about["cells"] = {cell.name: results.cells[cell] for cell in sorted(results.cells)}
    write_json(scan.directory / SCAN, about)
