"""Measurements as a table for people, or as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from raysearch.benchmarks.measurement import Measurement


def as_json(measurements: Sequence[Measurement], machine: Mapping[str, str]) -> str:
    """One object: the machine, and a list of measurements."""
    rows = [m._asdict() | {"missed": m.missed} for m in measurements]
    return json.dumps({"machine": dict(machine), "measurements": rows}, indent=2)


def print_table(measurements: Sequence[Measurement], machine: Mapping[str, str]) -> None:
    """One row a measurement; the machine below."""
    table = Table("what", "ratio (spread)", "against", "target", "detail")
    for m in measurements:
        low, high = m.spread
        target = "" if m.target is None else f"{m.target:g}{' missed' if m.missed else ''}"
        table.add_row(m.name, f"{m.ratio:.3g} ({low:.3g}-{high:.3g})", m.against, target, m.detail)
    console = Console()
    console.print(table)
    console.print(", ".join(f"{name}: {value}" for name, value in machine.items()), highlight=False)
