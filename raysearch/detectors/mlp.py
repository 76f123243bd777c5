"""Multilayer perceptrons, all members of an ensemble trained as one pack.

References:
    How to pick the best anomaly detector? (Hein et al., 2025), arXiv:2511.14832
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from raysearch.detectors.base import Member, Parameters, with_defaults
from raysearch.errors import InputError
from raysearch.samples import Rows
from raysearch.training.settings import MemberSettings, PackSettings

if TYPE_CHECKING:
    from raysearch.detectors.mlp_snapshot import MLPFit, MLPSnapshot

EPOCHS = 20
DEFAULTS: Parameters = MappingProxyType(
    {
        "width": 64,
        "layers": 3,
        "learning_rate": 1e-3,
        "batch_size": 128,
        "dropout": 0.0,
        "weight_decay": 0.0,
        "beta1": 0.9,
    }
)


@dataclass(frozen=True)
class MLPDetector:
    """The family of multilayer perceptrons with ReLU, trained with Adam.

    Attributes:
        device: where to train, such as "cpu" or "cuda:0"; None for a GPU if there is one.
        engine: how to train, "native" or "eager"; None for the faster one that the device allows.
        name: how the user calls it.
        defaults: every hyperparameter with its published default value.
        search_epochs: epochs of a trial.
        ensemble_size: members of the final ensemble.
        final_epochs: epochs of the final ensemble's training.
    """

    device: str | None = None
    engine: str | None = None
    name: str = "mlp"
    defaults: Parameters = field(default_factory=lambda: DEFAULTS, repr=False, hash=False)
    search_epochs: int = EPOCHS
    ensemble_size: int = 5
    final_epochs: int | None = 100

    def pack_key(self, parameters: Parameters) -> tuple[tuple[int, ...], int]:
        """Hidden layers and bins: networks of equal ones may be trained together."""
        chosen = self._complete(parameters)
        member_settings(Member(np.arange(1), np.arange(0), 0), chosen)
        settings = _pack_settings(chosen, EPOCHS)
        return settings.hidden, settings.bins

    def fit(
        self,
        rows: Rows,
        members: Sequence[Member],
        parameters: Sequence[Parameters],
        *,
        epochs: int | None = None,
    ) -> MLPFit:
        """Train the members, yielding a snapshot after every epoch.

        Args:
            rows: all rows the members choose theirs from.
            members: K fits; their validation rows are not used.
            parameters: of each member `width` and `layers` (hidden) and, where the detector has
                them, `bins`, which must be the same for all, `learning_rate`, `batch_size`,
                `dropout`, `weight_decay`, `beta1`; those left out take their default.
            epochs: how many; None for 20.

        Raises:
            InputError: if a hyperparameter is unknown or out of range, layers or bins differ, or
                a class is absent.
        """
        from raysearch.detectors.mlp_snapshot import MLPFit  # who trains waits for torch
        from raysearch.training.packed import train

        last = EPOCHS if epochs is None else epochs
        chosen = [self._complete(own) for own in parameters]
        shared = {_pack_settings(own, last) for own in chosen}
        if len(shared) > 1:
            raise InputError(
                "networks trained together must have the same hidden layers and bins, but got "
                f"{' and '.join(f'{own.hidden} with {own.bins} bins' for own in shared)}."
            )
        packed = [member_settings(m, own) for m, own in zip(members, chosen, strict=True)]
        return MLPFit(
            train(
                rows.features,
                rows.is_data,
                packed,
                shared.pop() if shared else PackSettings(epochs=last),
                device=self.device,
                engine=self.engine,
            )
        )

    def _complete(self, parameters: Parameters) -> Parameters:
        return with_defaults(self.name, self.defaults, parameters)

    def merge(self, snapshots: Sequence[MLPSnapshot]) -> MLPSnapshot:
        """All members of all snapshots as one; see `mlp_snapshot.merge`."""
        from raysearch.detectors.mlp_snapshot import merge

        return merge(snapshots)

    def load(self, directory: Path) -> MLPSnapshot:
        """The snapshot that `MLPSnapshot.save` wrote, on the CPU; runs no code from there.

        Raises:
            InputError: if the directory holds no complete snapshot.
        """
        from raysearch.detectors.mlp_snapshot import load

        return load(directory)


MLP = MLPDetector()


def _pack_settings(parameters: Parameters, epochs: int) -> PackSettings:
    """What complete `parameters` say about a whole pack."""
    hidden = (_integer(parameters, "width"),) * _integer(parameters, "layers")
    return PackSettings(hidden, epochs, _integer(parameters, "bins") if "bins" in parameters else 0)


def member_settings(member: Member, parameters: Parameters) -> MemberSettings:
    """What complete `parameters` say about one member.

    Raises:
        InputError: if a value is not a number or out of range.
    """
    return MemberSettings(
        rows=member.train,
        seed=member.seed,
        batch_size=_integer(parameters, "batch_size"),
        learning_rate=_number(parameters, "learning_rate"),
        weight_decay=_number(parameters, "weight_decay"),
        beta1=_number(parameters, "beta1"),
        dropout=_number(parameters, "dropout"),
    )


def _number(parameters: Parameters, name: str) -> float:
    value = parameters[name]
    if isinstance(value, str | bool):
        raise InputError(f"network parameter {name!r} must be a number, but got {value!r}.")
    return float(value)


def _integer(parameters: Parameters, name: str) -> int:
    value = _number(parameters, name)
    if not value.is_integer():
        raise InputError(f"network parameter {name!r} must be a whole number, but got {value}.")
    return int(value)
