"""All that decides the t of a toy, in values that can be compared: a resumed test must agree."""

from __future__ import annotations

from typing import Any

import numpy as np

from raysearch.nplm.nuisances import term_table
from raysearch.nplm.points import Points
from raysearch.nplm.pool import Sampler
from raysearch.nplm.prepare import Prepared
from raysearch.nplm.question import Question
from raysearch.nplm.store import digest

# A resumed test may ask for other numbers of toys, and combine widths in another way.
_FREE = ("toys", "stop_at", "inject", "injected_toys", "aggregate")
# Functions are known by what they give: by name two partial ones, or two versions, are the same.
_PROBED_ROWS, _PROBED_POINTS = 1000, 16


def asked(question: Question) -> dict[str, Any]:
    """What the user asked for; known before anything is computed."""
    settings, points, sampler = question.settings, question.points, question.sampler
    decisive = {key: value for key, value in settings.as_json().items() if key not in _FREE}
    if settings.selects:
        decisive["aggregate"] = settings.aggregate
    probed = points["reference"].values[:_PROBED_ROWS]
    return {
        **decisive,
        "columns": list(points["data"].columns),
        "weights": points["reference"].weight_column,
        "inputs": {name: contents(read) for name, read in points.items()},
        "nuisances": [f"{n.name} {digest(term_table([n], probed))}" for n in question.nuisances],
        "sampler": None if sampler is None else digest(_probe(sampler)),
        "device": question.device,
    }


def chosen(prepared: Prepared) -> dict[str, Any]:
    """What rules chose, from the reference, where the user left it open."""
    values = {name: choice.value for name, choice in prepared.choices.items()}
    return {**values, "sigmas": list(prepared.work.statistic.sigmas)}


def contents(points: Points) -> list[str]:
    """Digests of everything a sample holds: values, what it is recognised by, weights."""
    weights = np.zeros(0) if points.weights is None else points.weights
    return [digest(part) for part in (points.values, points.identity, weights)]


def _probe(sampler: Sampler) -> Any:
    return np.asarray(sampler(np.random.default_rng(0), _PROBED_POINTS), np.float64)
