"""An ensemble is a detector too: it averages its members, is saved, and scores new events."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from raysearch.detectors import Snapshot, detector
from raysearch.errors import InputError
from raysearch.events import Events
from raysearch.features import select
from raysearch.malformed import read_json
from raysearch.schemas import check_schema

_SCHEMA = 1
_ABOUT = "detector.json"


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Fitted members of one detector on one feature set.

    Attributes:
        detector: name of the family.
        features: name of the feature set.
        snapshot: all members.
    """

    detector: str
    features: str
    snapshot: Snapshot

    def score(self, events: Events) -> NDArray[np.float64]:
        """(n,) log odds of the members' mean probability, larger is more anomalous.

        Raises:
            InputError: if the events lack columns of the feature set.
        """
        return mean_log_odds(self.snapshot.scores(select(events, self.features).features))

    def save(self, directory: Path) -> None:
        """Write everything needed to score, without pickle, into an existing directory."""
        self.snapshot.save(directory)
        about = {"schema": _SCHEMA, "detector": self.detector, "features": self.features}
        (directory / _ABOUT).write_text(json.dumps(about, indent=2))


def mean_log_odds(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Log odds of the mean probability of K members.

    Args:
        scores: (K, n) log odds of each member.

    Returns:
        (n,) log odds. Probabilities are averaged, as published; going back to log odds keeps
        the events apart that a strong signal puts near probability one.

    Example:
        >>> mean_log_odds(np.array([[0.0, 2.0], [0.0, 2.0]]))
        array([0., 2.])
    """
    mean = np.zeros(scores.shape[1])
    for member in scores:
        mean += expit(member.astype(np.float64))
    return from_probability(mean / len(scores))


def from_probability(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) finite log odds of (n,) probabilities.

    Example:
        >>> from_probability(np.array([0.5]))
        array([0.])
    """
    return np.asarray(logit(np.clip(probability, 1e-300, 1 - 1e-16)), dtype=np.float64)


def load_ensemble(directory: Path) -> Ensemble:
    """The saved ensemble.

    Raises:
        InputError: if the directory holds none, or one of a newer schema.
    """
    path = directory / _ABOUT
    if not path.is_file():
        raise InputError(f"{directory} must hold a saved detector, but {_ABOUT} is not there.")
    about = read_json(path)
    check_schema(path, about.get("schema"), _SCHEMA)
    snapshot = detector(about["detector"]).load(directory)
    return Ensemble(about["detector"], about["features"], snapshot)
