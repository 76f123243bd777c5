"""Tables of the page as plain text: provenance, inputs, failures, trials."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa

from raysearch.objectives import METRICS
from raysearch.report.looks import look

NOTHING = "–"
# Shown in a table of its own, and in the title of the page.
_ELSEWHERE = frozenset({"inputs", "name"})


@dataclass(frozen=True)
class Table:
    """Headings and rows of text; `numeric` tells which columns align to the right."""

    headings: list[str]
    rows: list[list[str]]
    numeric: list[bool]


def number(value: object, spread: object = None) -> str:
    """A value as short text, with its spread where there is one.

    Example:
        >>> number(0.081234, 0.004), number(None), number(float("inf")), number(12)
        ('0.0812 ± 0.0040', '–', '∞', '12')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NOTHING
    if isinstance(value, float):
        text = ("∞" if value > 0 else "-∞") if math.isinf(value) else f"{value:.4g}"
        return _with_spread(value, spread) if isinstance(spread, float) and spread > 0 else text
    return f"{value:,}" if isinstance(value, int) and abs(value) >= 10_000 else str(value)


def states(trials: pa.Table) -> list[tuple[str, int]]:
    """How many trials ended in each state."""
    counts = Counter(trials["state"].to_pylist()) if trials.num_rows else Counter()
    return [(str(state).lower(), count) for state, count in counts.most_common()]


def provenance(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Settings as (name, value), nested ones with their path."""
    plain = {k: v for k, v in settings.items() if k not in _ELSEWHERE}
    texts = ((name, _text(name, value)) for name, value in _flat(plain, ""))
    return [(name.replace("wall seconds", "wall time (h:mm:ss)"), text) for name, text in texts]


def inputs(settings: Mapping[str, Any]) -> Table:
    """The input files: name, path, checksum."""
    found = settings.get("inputs") or {}
    rows = [
        [str(name), str(of.get("path", NOTHING)), str(of.get("sha256", ""))]
        for name, of in found.items()
    ]
    return Table(["input", "path", "SHA-256"], rows, [False, False, False])


def failures(trials: pa.Table) -> list[tuple[str, list[str]]]:
    """The reasons of failed trials, the commonest first, each with its trials."""
    grouped: dict[str, list[str]] = {}
    for row in trials.to_pylist():
        if row.get("state") == "FAIL":
            reason = row.get("error") or "no reason was recorded"
            grouped.setdefault(reason, []).append(str(row.get("trial_id")))
    return sorted(grouped.items(), key=lambda item: -len(item[1]))


def trials_table(trials: pa.Table) -> Table:
    """One row per trial: state, detector, metrics, time, hyperparameters."""
    rows = trials.to_pylist()
    shown = [name for name in METRICS if any(_is_finite(row.get(name)) for row in rows)]
    headings = ["trial", "state", "detector", *(look(n).label for n in shown)]
    numeric = [False, False, False, *(True for _ in shown), True, True, False]
    return Table(
        [*headings, "epochs", "time [s]", "hyperparameters"],
        [_trial_row(row, shown) for row in rows],
        numeric,
    )


def _trial_row(row: Mapping[str, Any], shown: Sequence[str]) -> list[str]:
    seconds = row.get("seconds")
    return [
        str(row.get("trial_id")),
        str(row.get("state")),
        str(row.get("config.detector") or NOTHING),
        *(number(row.get(name), row.get(f"{name}_std")) for name in shown),
        number(row.get("epochs")),
        f"{seconds:.1f}" if _is_finite(seconds) else NOTHING,
        ", ".join(_configured(row)),
    ]


def _configured(row: Mapping[str, Any]) -> Iterator[str]:
    prefix = f"config.{row.get('config.detector')}."
    for name, value in row.items():
        if name.startswith("config.") and name != "config.detector" and value is not None:
            yield f"{name.removeprefix(prefix).removeprefix('config.')} {number(value)}"


def _flat(found: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for name, value in found.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name} ")
        else:
            yield f"{path}{name}".replace("_tev", " [TeV]").replace("_", " "), value


def _text(name: str, value: object) -> str:
    if name == "wall seconds" and isinstance(value, int | float):
        return str(timedelta(seconds=round(value)))
    if isinstance(value, list | tuple):
        return ", ".join(number(part) for part in value)
    if name == "seed":  # a name rather than an amount: no thousands separator
        return str(value)
    return number(value)


def _with_spread(value: float, spread: float) -> str:
    """Both to the second significant digit of the spread."""
    digits = max(0, 1 - math.floor(math.log10(spread))) if math.isfinite(spread) else 4
    return f"{value:.{digits}f} ± {spread:.{digits}f}"


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
