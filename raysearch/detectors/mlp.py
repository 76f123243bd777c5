"""Multilayer perceptrons, all members of an ensemble trained as one pack.

References:
    How to pick the best anomaly detector? (Hein et al., 2025), arXiv:2511.14832
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from raysearch.detectors.base import Member, Parameters, with_defaults
from raysearch.errors import InputError
from raysearch.files import replacing, write_json
from raysearch.malformed import MALFORMED, reason
from raysearch.samples import Rows
from raysearch.training.encoding import Encoding
from raysearch.training.layout import Layout
from raysearch.training.networks import Networks
from raysearch.training.networks import merge as merge_networks
from raysearch.training.packed import Training, train
from raysearch.training.settings import MemberSettings, PackSettings
from raysearch.unpacking import MOST_JSON_BYTES, stored_archive, whole

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
_DESCRIPTION = "mlp.json"
_WEIGHTS = "mlp.npz"


@dataclass(frozen=True, eq=False)
class MLPSnapshot:
    """K multilayer perceptrons at one moment of their training.

    Attributes:
        networks: their weights, a copy.
    """

    networks: Networks

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log odds of data against template, larger is more anomalous.

        Args:
            features: (n, d) the same events for all members, or (K, n, d), a block for each.

        Returns:
            (K, n) scores.

        Raises:
            InputError: if the features have another shape.
        """
        return self.networks.scores(features)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.networks.parameters.device

    def logits(self, features: NDArray[np.float32] | Tensor) -> Tensor:
        """The scores in torch, left on the device of the weights; see `Networks.logits`."""
        return self.networks.logits(features)

    def take(self, members: Sequence[int]) -> MLPSnapshot:
        """The snapshot of these members alone, in this order."""
        return MLPSnapshot(self.networks.take(members))

    def save(self, directory: Path) -> None:
        """Write `mlp.npz` and, when that is complete, `mlp.json` to an existing directory."""
        layout = self.networks.layout
        with replacing(directory / _WEIGHTS) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **_arrays(self.networks))
        description = {
            "inputs": layout.inputs,
            "hidden": list(layout.hidden),
            "bins": layout.bins,
        }
        write_json(directory / _DESCRIPTION, description)


class MLPFit(Iterator[MLPSnapshot]):
    """Networks in training; see `Fit`."""

    def __init__(self, training: Training) -> None:
        """Follow the packed trainer."""
        self._training = training

    def __next__(self) -> MLPSnapshot:
        """The networks that are kept, after one more epoch."""
        return MLPSnapshot(next(self._training))

    def keep(self, members: Sequence[int]) -> None:
        """Train these networks alone from now on."""
        self._training.keep(members)


def merge(snapshots: Sequence[MLPSnapshot]) -> MLPSnapshot:
    """All members of all snapshots as one ensemble, as for averaging the best epochs.

    Returns:
        E snapshots of K members give E*K members, those of the first snapshot first.

    Raises:
        ValueError: if there are no snapshots, or their layers differ.
    """
    return MLPSnapshot(merge_networks([snapshot.networks for snapshot in snapshots]))


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
        """All members of all snapshots as one; see `merge`."""
        return merge(snapshots)

    def load(self, directory: Path) -> MLPSnapshot:
        """The snapshot that `MLPSnapshot.save` wrote, on the CPU; runs no code from there.

        Raises:
            InputError: if the directory holds no complete snapshot.
        """
        try:
            layout = _layout(json.loads(whole(directory / _DESCRIPTION, MOST_JSON_BYTES)))
            contents = stored_archive(directory / _WEIGHTS)
            with np.load(contents, allow_pickle=False) as arrays:
                return MLPSnapshot(_networks(layout, dict(arrays)))
        except InputError:
            raise
        except MALFORMED as error:
            raise InputError(
                f"{directory} must hold {_DESCRIPTION} and {_WEIGHTS} of one saved detector, "
                f"but reading them failed: {reason(error)}. Save it again."
            ) from error


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


def _arrays(networks: Networks) -> dict[str, NDArray[np.floating]]:
    """Weights by layer, so that the files do not depend on how the flat vector is padded."""
    arrays: dict[str, NDArray[np.floating]] = {
        "centre": networks.encoding.centre,
        "width": networks.encoding.width,
    }
    for number, layer in enumerate(networks.layout.layers(networks.parameters)):
        arrays[f"weight_{number}"] = layer.weight.cpu().numpy()
        arrays[f"bias_{number}"] = layer.bias.cpu().numpy()
    return arrays


def _layout(description: Mapping[str, object]) -> Layout:
    inputs, hidden, bins = (description[name] for name in ("inputs", "hidden", "bins"))
    if not isinstance(inputs, int) or not isinstance(bins, int) or not isinstance(hidden, list):
        raise ValueError(f"`inputs` and `bins` must be numbers, `hidden` a list, got {description}")
    return Layout(inputs, tuple(int(width) for width in hidden), bins)


def _networks(layout: Layout, arrays: Mapping[str, NDArray[np.float32]]) -> Networks:
    centre, width = (arrays[name].astype(np.float64) for name in ("centre", "width"))
    if centre.shape != width.shape or centre.shape[1:] != (layout.encoded,):
        raise ValueError(f"`centre` and `width` must have {layout.encoded} columns")
    # Before there is room for them: a crafted layout may ask for all of the memory.
    for number, shape in enumerate(layout.shapes):
        if arrays[f"weight_{number}"].shape != (len(centre), *shape):
            raise ValueError(f"weight_{number} must have shape {(len(centre), *shape)}")
    parameters = torch.zeros(len(centre), layout.size)
    for number, layer in enumerate(layout.layers(parameters)):
        for view, name in ((layer.weight, "weight"), (layer.bias, "bias")):
            array = torch.from_numpy(arrays[f"{name}_{number}"])
            if array.shape != view.shape:
                raise ValueError(f"{name}_{number} must have shape {tuple(view.shape)}")
            view.copy_(array)
    return Networks(layout, parameters, Encoding(centre, width, layout.bins))
