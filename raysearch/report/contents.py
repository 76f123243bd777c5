"""What a report is made of, and the few views of it that the figures share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

OPTIMAL = "optimal"


class NotAvailable(Exception):
    """A figure cannot be drawn from these contents; the message says why."""


@dataclass(frozen=True, eq=False)
class ReportContents:
    """Everything the report tells, as plain tables and mappings.

    Attributes:
        settings: the study's settings and provenance: name, mode, features, objective, trials,
            seed, versions, inputs, counts, wall_seconds and the like.
        trials: one row per trial: `trial_id`, `state` (COMPLETE, PRUNED or FAIL), `error`,
            `seconds`, `epochs`, `config.*` (null where another detector has the parameter), and
            per metric its mean and `_std`; the supervised ones are absent or null without labels.
        selection: the study's `objective`, and under `choices` one setup per objective with its
            trial's metrics, its ensemble's metrics and its regret.
        scores: one row per event: `sample` (data, template or test), `mjj_tev`, `is_signal`
            (null except for test), `score.<objective>` as log odds, and `score.optimal` where the
            likelihood ratio is known. Scores of data and template are out of fold.
    """

    settings: Mapping[str, Any]
    trials: pa.Table
    selection: Mapping[str, Any]
    scores: pa.Table


class Scored(NamedTuple):
    """The scores of two classes of events.

    Attributes:
        is_positive: (n,) True for data (or signal), False for template (or background).
        scores: (n,) log odds, larger is more anomalous.
        mjj_tev: (n,) dijet mass, TeV.
    """

    is_positive: NDArray[np.bool_]
    scores: NDArray[np.float32]
    mjj_tev: NDArray[np.float32]


def choices(contents: ReportContents) -> Mapping[str, Mapping[str, Any]]:
    """The chosen setup per objective, the study's own objective first; empty if none was."""
    found: Mapping[str, Mapping[str, Any]] = contents.selection.get("choices") or {}
    first = contents.selection.get("objective")
    return dict(sorted(found.items(), key=lambda item: item[0] != first))


def scored_names(contents: ReportContents) -> list[str]:
    """Objectives with scores, the study's own first.

    Raises:
        NotAvailable: if nothing was chosen or no event was scored.
    """
    chosen = choices(contents)
    if not chosen:
        raise NotAvailable("no trial completed, so no setup was chosen.")
    names = [name for name in chosen if f"score.{name}" in contents.scores.column_names]
    if not names or not contents.scores.num_rows:
        raise NotAvailable("no event was scored by a chosen setup.")
    return names


def with_optimal(contents: ReportContents) -> list[str]:
    """`scored_names`, and last the likelihood ratio where it is known."""
    known = f"score.{OPTIMAL}" in contents.scores.column_names
    return [*scored_names(contents), *([OPTIMAL] if known else [])]


def data_and_template(contents: ReportContents, name: str) -> Scored:
    """Out-of-fold scores of signal-region data (positive) and template.

    Raises:
        NotAvailable: if either is missing.
    """
    rows = _with_score(_of_samples(contents.scores, ["data", "template"]), name)
    is_data = _bools(pc.equal(_plain(rows["sample"]), "data"))
    return _scored(rows, name, is_data, "signal-region data and template events with a score")


def signal_and_background(contents: ReportContents, name: str) -> Scored:
    """Scores of test signal (positive) and test background.

    Raises:
        NotAvailable: if the test events have no labels or a class is missing.
    """
    test = _of_samples(contents.scores, ["test"])
    labelled = test.filter(pc.is_valid(test["is_signal"])) if test.num_rows else test
    rows = _with_score(labelled, name)
    is_signal = _bools(rows["is_signal"])
    return _scored(rows, name, is_signal, "test events with truth labels of both classes")


def _scored(rows: pa.Table, name: str, positive: NDArray[np.bool_], needed: str) -> Scored:
    if positive.all() or not positive.any():
        raise NotAvailable(f"it needs {needed}, and this study has none.")
    scores = rows[f"score.{name}"].to_numpy().astype(np.float32)
    bad = np.count_nonzero(~np.isfinite(scores))
    if bad:
        raise NotAvailable(f"{bad} of {len(scores)} scores of {name} are not finite.")
    return Scored(positive, scores, rows["mjj_tev"].to_numpy().astype(np.float32))


def _of_samples(table: pa.Table, samples: list[str]) -> pa.Table:
    return table.filter(pc.is_in(_plain(table["sample"]), value_set=pa.array(samples)))


def _with_score(table: pa.Table, name: str) -> pa.Table:
    return table.filter(pc.is_valid(table[f"score.{name}"]))


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A dictionary column as plain strings."""
    return column.cast(pa.string())


def _bools(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(column.cast(pa.bool_()).to_numpy(), dtype=np.bool_)
