"""What the page says of a study of several modes or feature sets: how each of them did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from raysearch.objectives import objective
from raysearch.report.contents import ReportContents
from raysearch.report.looks import look
from raysearch.report.tables import NOTHING, Table, number
from raysearch.report.trials import complete, detectors, texts, values

_STRATEGIES: Mapping[str, str] = {
    "joint": "Strategy joint: mode and features were suggested together with the hyperparameters.",
    "steps": "Strategy steps: first hyperparameters in the first mode on the first feature set, "
    "then the best few of them in every other pair, then hyperparameters in the best pair.",
}


class Views(NamedTuple):
    """How each pair of mode and feature set did.

    Attributes:
        sentences: the strategy, and how to read the table.
        table: one row a pair.
    """

    sentences: list[str]
    table: Table


def views(contents: ReportContents) -> Views | None:
    """The objective by mode and feature set; None where there is one pair alone."""
    settings, trials = contents.settings, contents.trials
    pairs = list(product(settings.get("mode", ()), settings.get("features", ())))
    if len(pairs) < 2:
        return None
    name = str(settings["objective"])
    headings = ["mode", "features", "trials", "complete", f"best {look(name).label}", "by", "trial"]
    numeric = [False, False, True, True, True, False, False]
    rows = [[*pair, *_row(trials, name, of)] for pair, of in _members(settings, trials, pairs)]
    return Views([*_sentences(settings, name)], Table(headings, rows, numeric))


def _sentences(settings: Mapping[str, Any], name: str) -> Iterator[str]:
    yield _STRATEGIES[settings["strategy"]]
    if len(settings["mode"]) > 1 and not objective(name).supervised:
        yield (
            f"All modes have the same data, so that their {look(name).label} compares as far as "
            "their templates do: one that differs from the background, or has fewer events, can "
            "have the larger value without finding more signal."
        )


def _members(
    settings: Mapping[str, Any], trials: pa.Table, pairs: list[tuple[str, str]]
) -> Iterator[tuple[tuple[str, str], NDArray[np.bool_]]]:
    """Each pair with (n,) which trials are of it; a single mode or feature set is in no column."""
    modes = texts(trials, "config.mode", absent=settings["mode"][0])
    features = texts(trials, "config.features", absent=settings["features"][0])
    for mode, feature_set in pairs:
        yield (mode, feature_set), np.asarray((modes == mode) & (features == feature_set))


def _row(trials: pa.Table, name: str, of: NDArray[np.bool_]) -> list[str]:
    """Trials, complete ones, the best value with its spread, its detector and its trial."""
    found = values(trials, name)
    ended = np.flatnonzero(of & complete(trials) & np.isfinite(found))
    counts = [number(int(of.sum())), number(len(ended))]
    if not len(ended):
        return [*counts, NOTHING, NOTHING, NOTHING]
    best = int(ended[objective(name).best(found[ended])])
    spread = float(values(trials, f"{name}_std")[best])
    value = number(float(found[best]), spread)
    return [*counts, value, str(detectors(trials)[best]), str(texts(trials, "trial_id")[best])]
