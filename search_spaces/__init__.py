"""Search spaces: one define-by-run function `space(trial) -> dict` per file.

A space returns ``{"detector": name, "parameters": {...}}``. Names of its suggestions start with
the detector, ``"hgb/learning_rate"``, so that two detectors' parameters never meet.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from optuna.trial import BaseTrial

from search_spaces import (
    adaboost,
    hgb,
    lightgbm,
    mlp,
    piecewise_mlp,
    random_forest,
    weak_supervision,
)

Space = Callable[[BaseTrial], dict[str, Any]]

SPACES: Mapping[str, Space] = MappingProxyType(
    {
        "weak_supervision": weak_supervision.space,
        "mlp": mlp.space,
        "piecewise_mlp": piecewise_mlp.space,
        "hgb": hgb.space,
        "lightgbm": lightgbm.space,
        "adaboost": adaboost.space,
        "random_forest": random_forest.space,
    }
)
