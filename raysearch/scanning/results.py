"""What a scan has found so far, and the journal in which each finding lies the moment it ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from raysearch.records import Record, record_from_json
from raysearch.scanning.cells import Cell
from raysearch.unpacking import whole

JOURNAL = "journal.jsonl"
# State of a trial whose workers or sample were lost again and again: nothing is known of it.
LOST = "LOST"


class HalfKey(NamedTuple):
    """A hyperparameter set in a cell, trained on halves."""

    cell: Cell
    detector: str
    set: int


class FullKey(NamedTuple):
    """The choice of an objective in a cell, trained on all rows."""

    cell: Cell
    detector: str
    objective: str


class Full(NamedTuple):
    """The final ensemble of a chosen set.

    Attributes:
        set: its number.
        metrics: name -> value; data-driven ones of out-of-fold scores. Empty if it failed.
        seconds: of its training, worker seconds.
        error: why it failed, or None.
        is_lost: whether the system failed rather than the training.
    """

    set: int
    metrics: Mapping[str, float]
    seconds: float
    error: str | None
    is_lost: bool = False


@dataclass
class Results:
    """What has been found, in memory and in the journal.

    Attributes:
        directory: of the scan.
        half: how each trial ended.
        full: the final ensembles.
        cells: counts of events, and quality of the density where there is one.
    """

    directory: Path
    half: dict[HalfKey, Record] = field(default_factory=dict)
    full: dict[FullKey, Full] = field(default_factory=dict)
    cells: dict[Cell, dict[str, Any]] = field(default_factory=dict)

    def add_halves(self, ended: Mapping[HalfKey, Record]) -> None:
        """Note how trials ended."""
        self._append({"kind": "half", "key": k, "value": v._asdict()} for k, v in ended.items())
        self.half |= ended

    def add_full(self, key: FullKey, full: Full) -> None:
        """Note a final ensemble."""
        self._append([{"kind": "full", "key": key, "value": full._asdict()}])
        self.full[key] = full

    def add_cell(self, cell: Cell, about: dict[str, Any]) -> None:
        """Note what a cell's sample consists of; the first note counts."""
        if cell not in self.cells:
            self._append([{"kind": "cell", "key": [cell], "value": about}])
            self.cells[cell] = about

    @property
    def lost(self) -> int:
        """How many trials and ensembles the system lost; whoever resumes the scan tries again."""
        trials = sum(record.state == LOST for record in self.half.values())
        return trials + sum(full.is_lost for full in self.full.values())

    def _append(self, entries: Any) -> None:
        lines = "".join(json.dumps(entry) + "\n" for entry in entries)
        with (self.directory / JOURNAL).open("a") as file:
            file.write(lines)


def read_results(directory: Path) -> Results:
    """The results that the journal holds, without what was lost.

    A line that a kill cut short is removed from it.
    """
    found, path = Results(directory), directory / JOURNAL
    if not path.is_file():
        return found
    held = whole(path)
    kept = held[: held.rfind(b"\n") + 1]
    if len(kept) < len(held):
        with path.open("r+b") as file:
            file.truncate(len(kept))
    for line in kept.decode().splitlines():
        _enter(found, json.loads(line))
    return found


def _enter(found: Results, entry: Mapping[str, Any]) -> None:
    first, *rest = entry["key"]
    cell = Cell(*first)
    if entry["kind"] == "half":
        record = record_from_json(entry["value"])
        if record.state != LOST:
            found.half[HalfKey(cell, *rest)] = record
    elif entry["kind"] == "full":
        full = Full(**entry["value"])
        if not full.is_lost:
            found.full[FullKey(cell, *rest)] = full
    else:
        found.cells[cell] = entry["value"]
