"""Every objective of many members at once, where their scores are: the part of judging in torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from raysearch import device_metrics
from raysearch.objectives import MAX_SIC, VAL_LOSS, VAL_SIC, Metric, Objective

# (K, n) classes and log odds to (K,) values, by the function of an objective; the others are
# computed on the host, a member at a time.
_ON_DEVICE: Mapping[Metric, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {
        VAL_SIC.function: device_metrics.val_sic,
        VAL_LOSS.function: device_metrics.val_loss,
        MAX_SIC.function: device_metrics.max_sic,
    }
)


def judged_on_device(
    objectives: Sequence[Objective], classes: Tensor, scores: Tensor
) -> dict[str, NDArray[np.float64]]:
    """Each metric of (K, n) classes and scores, computed where they are: name -> (K,).

    A member of which some score is not finite has NaN.
    """
    if not objectives:
        return {}
    values = torch.stack([_values(o, classes, scores) for o in objectives]).cpu().numpy()
    return {o.name: own for o, own in zip(objectives, values, strict=True)}


def _values(objective: Objective, classes: Tensor, scores: Tensor) -> Tensor:
    if objective.function in _ON_DEVICE:
        return _ON_DEVICE[objective.function](classes, scores)
    pairs = zip(classes.cpu().numpy(), scores.cpu().numpy(), strict=True)
    found = [_or_nan(objective.function, *pair) for pair in pairs]
    return scores.new_tensor(found, dtype=torch.float64)


def _or_nan(figure: Metric, classes: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    return figure(classes, scores) if np.isfinite(scores).all() else float("nan")
