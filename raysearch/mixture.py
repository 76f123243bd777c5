"""Several ensembles as one detector: the mean of what each thinks of an event, on a common scale.

Setups that are equally good by data alone err in different places, so that their mean is better
than a pick among them, and does not depend on the luck of the pick.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from raysearch.errors import InputError
from raysearch.events import Events
from raysearch.excess import template_rank
from raysearch.features import union
from raysearch.malformed import MALFORMED, read_json, reason
from raysearch.schemas import check_schema
from raysearch.scorer import Scorer, load_scorer
from raysearch.unpacking import whole

_SCHEMA = 2
_ABOUT = "mixture.json"
_TEMPLATE = "template_scores.npy"


@dataclass(frozen=True, eq=False)
class Part:
    """An ensemble and its scale.

    Attributes:
        scorer: the fitted members and their inputs.
        template: (m,) out-of-fold scores of its template events, which calibrate its scores.
    """

    scorer: Scorer
    template: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Mixture:
    """The mean template rank of several ensembles, each on a feature set of its own.

    Attributes:
        parts: at least one; one that counts twice stands in it twice.
    """

    parts: tuple[Part, ...]

    @property
    def detector(self) -> str:
        """Names of the families."""
        return " + ".join(part.scorer.detector for part in self.parts)

    @property
    def columns(self) -> tuple[str, ...]:
        """What it reads from an event file."""
        return union([part.scorer.features for part in self.parts])

    def score(self, events: Events) -> NDArray[np.float64]:
        """(n,) mean of ``-log10`` of the share of template events as anomalous, larger is more.

        Raises:
            InputError: if the events lack columns of a feature set.
        """
        return mean_rank(
            [(part.scorer.score(events), part.template) for part in self.parts],
        )

    def save(self, directory: Path) -> None:
        """Write everything needed to score, without pickle, into an existing directory."""
        for place, part in enumerate(self.parts):
            (directory / str(place)).mkdir()
            part.scorer.save(directory / str(place))
            np.save(directory / str(place) / _TEMPLATE, part.template, allow_pickle=False)
        about = {"schema": _SCHEMA, "parts": len(self.parts)}
        (directory / _ABOUT).write_text(json.dumps(about, indent=2))


def mean_rank(
    scored: Sequence[tuple[NDArray[np.floating], NDArray[np.floating]]],
) -> NDArray[np.float64]:
    """(n,) mean template rank of the same events.

    Args:
        scored: of each ensemble its (n,) scores, and its scores of the template.

    Example:
        >>> template = np.arange(10) / 10.0
        >>> mean_rank([(np.array([9.0]), template), (np.array([0.5]), template)]).round(2)
        array([0.78])
    """
    ranks = [
        template_rank(scores.astype(np.float32), template.astype(np.float32))
        for scores, template in scored
    ]
    return np.asarray(np.mean(ranks, axis=0, dtype=np.float64))


def load_detector(directory: Path) -> Scorer | Mixture:
    """What was saved there: an ensemble or a mixture of several.

    Raises:
        InputError: if the directory holds neither, or a part of it is missing or damaged.
    """
    is_mixture = (directory / _ABOUT).is_file()
    return load_mixture(directory) if is_mixture else load_scorer(directory)


def load_mixture(directory: Path) -> Mixture:
    """The saved mixture.

    Raises:
        InputError: if a part of it is missing or damaged.
    """
    path = directory / _ABOUT
    try:
        about = read_json(path)
        check_schema(path, about["schema"], _SCHEMA)
        return Mixture(tuple(_part(directory / str(k)) for k in range(about["parts"])))
    except MALFORMED as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{directory} must hold a whole mixture, but: {reason(error)}.") from error


def _part(directory: Path) -> Part:
    template = np.load(BytesIO(whole(directory / _TEMPLATE)), allow_pickle=False)
    return Part(load_scorer(directory), template)
