"""How trials ended, and the table of them that a study directory holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from raysearch.objectives import columns as metric_columns
from raysearch.racing import News
from raysearch.schemas import write_table

# Why a study ended early, where the user ended it.
INTERRUPTED = "interrupted"
TABLE_SCHEMA = 1


class Record(NamedTuple):
    """How a trial ended.

    Attributes:
        state: "COMPLETE", "PRUNED" (stopped early) or "FAIL".
        metrics: name -> value of each repeat.
        epochs: epochs trained.
        seconds: wall time of training and metrics.
        error: why it failed, or None.
        detector: the detector it trained.
        reached: where it was compared with others, and the value it had there.
    """

    state: str
    metrics: Mapping[str, list[float]]
    epochs: int
    seconds: float
    error: str | None
    detector: str
    reached: tuple[News, ...] = ()


def record_from_json(stored: Mapping[str, Any]) -> Record:
    """The record whose fields were written as JSON, which knows no tuples.

    Raises:
        ValueError: if a field is not what a record has.
        TypeError: if one is missing, or there are others.
    """
    reached = tuple(map(tuple, stored.get("reached", ())))
    record = Record(**{**stored, "reached": reached})
    if not _is_sound(record):
        raise ValueError(f"no record of a trial: {record}")
    return record


def _is_sound(record: Record) -> bool:
    """Whether fields that were read are of the kinds that were written."""
    texts = isinstance(record.state, str) and isinstance(record.detector, str)
    texts = texts and isinstance(record.error, str | None)
    numbers = _are_numbers([record.epochs, record.seconds]) and isinstance(record.epochs, int)
    metrics = isinstance(record.metrics, dict) and all(
        isinstance(values, list) and values and _are_numbers(values)
        for values in record.metrics.values()
    )
    places = (len(n) == 4 and _are_numbers([n[0], n[1] or 0, *n[2:]]) for n in record.reached)
    return texts and numbers and metrics and all(places)


def _are_numbers(values: Iterable[object]) -> bool:
    """Whether all are numbers that an array of floats holds."""
    return all(isinstance(v, float) or (type(v) is int and abs(v) < 2**63) for v in values)


# Parameters of the trial's setup as suggested, and how it ended, by the trial's index.
Records = Mapping[int, tuple[Mapping[str, Any], Record]]


def trial_id(index: int) -> str:
    """The name of a trial in tables and files.

    Example:
        >>> trial_id(7)
        '00007'
    """
    return f"{index:05d}"


def trials_table(records: Records) -> pa.Table:
    """One row a trial, in the order of their indices.

    Columns ``trial_id, state, error, seconds, epochs, config.*`` (null where a parameter belongs
    to another detector) and mean and standard deviation over the repeats of each metric.
    """
    rows = [_row(index, params, record) for index, (params, record) in records.items()]
    names = list(dict.fromkeys(["config.detector", *(name for row in rows for name in row)]))
    fixed = [("trial_id", pa.string()), ("state", pa.string()), ("error", pa.string())]
    fixed += [("seconds", pa.float64()), ("epochs", pa.int64())]
    present = {name for _, record in records.values() for name in record.metrics}
    metrics = [(f"{m}{end}", pa.float64()) for m in metric_columns(present) for end in ("", "_std")]
    columns = {name: pa.array([row.get(name) for row in rows], kind) for name, kind in fixed}
    for name in sorted(name for name in names if name.startswith("config.")):
        columns[name] = _column([row.get(name) for row in rows])
    columns |= {name: pa.array([row.get(name) for row in rows], kind) for name, kind in metrics}
    return pa.table(columns)


def write_trials(path: Path, records: Records) -> None:
    """Write the table of trials atomically."""
    write_table(path, trials_table(records), TABLE_SCHEMA)


def _column(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except pa.ArrowException:  # a parameter that takes values of several types
        return pa.array([None if value is None else str(value) for value in values])


def _row(index: int, params: Mapping[str, Any], record: Record) -> dict[str, Any]:
    row: dict[str, Any] = {
        "trial_id": trial_id(index),
        "state": record.state,
        "error": record.error,
        "seconds": record.seconds,
        "epochs": record.epochs,
        "config.detector": record.detector,
    }
    row |= {f"config.{name.replace('/', '.')}": value for name, value in params.items()}
    for name, values in record.metrics.items():
        row |= {name: float(np.mean(values)), f"{name}_std": float(np.std(values))}
    return row
