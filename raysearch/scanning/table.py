"""The one table of a scan: a row for each fit on halves, and one for each final ensemble."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from raysearch.objectives import CHANCE, METRICS
from raysearch.records import Record
from raysearch.scanning.results import Full, FullKey, HalfKey, Results
from raysearch.scanning.sets import Suggested

HALF, FULL = "half", "full"
# Columns of every scan, be they without a value.
FIGURES = (*METRICS, CHANCE.name)
_KINDS = (
    ("n_signal", pa.int64()),
    ("mode", pa.string()),
    ("features", pa.string()),
    ("detector", pa.string()),
    ("set", pa.int64()),
    ("repeat", pa.int64()),
    ("stage", pa.string()),
    ("objective", pa.string()),
    *((name, pa.float64()) for name in FIGURES),
    ("seconds", pa.float64()),
    ("error", pa.string()),
)


def scan_table(results: Results, sets: Mapping[str, Sequence[Suggested]], repeats: int) -> pa.Table:
    """All results so far, in an order that does not depend on when they ended.

    Columns ``n_signal, mode, features, detector, set, repeat, stage, objective``, the metrics (NaN
    where there is none; ``val_sic_permuted`` is what luck alone would find), ``seconds`` (of a
    trial on halves the share of one fit), ``error``, and ``config.*`` (null where another detector
    has the parameter). In stage "half" a row is one fit on halves and `objective` is null; in stage
    "full" it is the ensemble of the set that `objective` chose, and `repeat` is null.

    Args:
        results: so far.
        sets: hyperparameters of each detector's sets.
        repeats: fits of each set.
    """
    rows = [row for key in sorted(results.half) for row in _half(key, results.half[key], repeats)]
    rows += [_full(key, results.full[key]) for key in sorted(results.full)]
    columns = {name: pa.array([row.get(name) for row in rows], kind) for name, kind in _KINDS}
    configured = [_configured(sets[row["detector"]][row["set"]]) for row in rows]
    for name in sorted({name for found in configured for name in found}):
        columns[name] = pa.array([found.get(name) for found in configured])
    return pa.table(columns)


def _half(key: HalfKey, record: Record, repeats: int) -> Iterator[dict[str, Any]]:
    is_complete = record.state == "COMPLETE"
    for repeat in range(repeats):
        values = {
            name: record.metrics[name][repeat] if is_complete and name in record.metrics else None
            for name in FIGURES
        }
        yield {
            **_place(key.cell, key.detector, key.set, values, record.error),
            "repeat": repeat,
            "stage": HALF,
            "seconds": record.seconds / repeats,
        }


def _full(key: FullKey, full: Full) -> dict[str, Any]:
    return {
        **_place(key.cell, key.detector, full.set, full.metrics, full.error),
        "stage": FULL,
        "objective": key.objective,
        "seconds": full.seconds,
    }


def _place(
    cell: Any, detector: str, number: int, metrics: Mapping[str, Any], error: str | None
) -> dict[str, Any]:
    values = {name: metrics.get(name) for name in FIGURES}
    nan = float("nan")
    known = {name: nan if value is None else value for name, value in values.items()}
    return {**cell._asdict(), "detector": detector, "set": number, **known, "error": error}


def _configured(suggested: Suggested) -> dict[str, Any]:
    return {f"config.{name.replace('/', '.')}": value for name, value in suggested.items()}
