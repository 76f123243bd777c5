"""A saved ensemble with everything it needs to score new events."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from raysearch.detectors.ensemble import Ensemble, load_ensemble
from raysearch.errors import InputError
from raysearch.events import Events
from raysearch.features import Variation, feature_set, select_columns, variation_from_json
from raysearch.malformed import read_json
from raysearch.schemas import check_schema

_VARIATION, _SCHEMA = "inputs.json", 1
# Names the uninformative inputs of new events, apart from those of the study's own samples.
_PLACE = "scored"


@dataclass(frozen=True, eq=False)
class Scorer:
    """An ensemble, and what turns the columns of an event file into its inputs.

    Attributes:
        ensemble: the fitted members.
        variation: of the study; None where the feature set has no variant.
    """

    ensemble: Ensemble
    variation: Variation | None

    @property
    def detector(self) -> str:
        """Name of the detector family."""
        return self.ensemble.detector

    @property
    def features(self) -> str:
        """Name of the feature set."""
        return self.ensemble.features

    @property
    def columns(self) -> tuple[str, ...]:
        """What it reads from an event file."""
        return feature_set(self.features).columns

    def score(self, events: Events) -> NDArray[np.float64]:
        """(n,) log odds, larger is more anomalous.

        Raises:
            InputError: if the events lack columns of the feature set.
        """
        if self.variation is None:
            return self.ensemble.score(select_columns(events, self.features))
        return self.ensemble.score(self.variation.apply(events, _PLACE))

    def save(self, directory: Path) -> None:
        """Write everything needed to score, without pickle, into an existing directory."""
        self.ensemble.save(directory)
        if self.variation is not None:
            contents = {"schema": _SCHEMA, **self.variation.as_json()}
            (directory / _VARIATION).write_text(json.dumps(contents))


def load_scorer(directory: Path) -> Scorer:
    """The saved scorer.

    Raises:
        InputError: if the directory holds none, or a part of it is missing or damaged.
    """
    ensemble = load_ensemble(directory)
    if not feature_set(ensemble.features).varied:
        return Scorer(ensemble, None)
    path = directory / _VARIATION
    if not path.is_file():
        raise InputError(
            f"a detector on {ensemble.features!r} needs the study's {_VARIATION} beside it, but "
            f"{directory} has none; copy the whole directory."
        )
    contents = read_json(path)
    check_schema(path, contents.get("schema"), _SCHEMA)
    return Scorer(ensemble, variation_from_json(contents))
