"""The hyperparameter sets of a scan: random draws from each detector's space, by their number."""

from __future__ import annotations

from collections.abc import Mapping

import optuna
from optuna.trial import FixedTrial

from raysearch.detectors import Parameters
from raysearch.quiet import quiet_optuna
from raysearch.scanning.cells import Cell
from raysearch.seeds import number
from raysearch.trial import Setup
from raysearch.tuning.samplers import IndexSeededSampler
from search_spaces import SPACES

# Suggested values by name, e.g. "hgb/max_iter".
Suggested = Mapping[str, object]


def draw_sets(detector: str, count: int, seed: int) -> list[Suggested]:
    """The first sets of a detector; asking for more never changes those.

    Args:
        detector: also the name of its search space.
        count: how many.
        seed: of the scan.
    """
    sampler = IndexSeededSampler("random", number(seed, "sets", detector))
    with quiet_optuna():
        study = optuna.create_study(sampler=sampler)
    return [_suggested(detector, study) for _ in range(count)]


def _suggested(detector: str, study: optuna.Study) -> Suggested:
    trial = study.ask()
    SPACES[detector](trial)
    return dict(trial.params)


def setup(cell: Cell, detector: str, suggested: Suggested) -> Setup:
    """The setup of a set in a cell."""
    parameters: Parameters = SPACES[detector](FixedTrial(dict(suggested)))["parameters"]
    return Setup(cell.mode, cell.features, detector, parameters)
