"""Multilayer perceptrons at one moment of their training, and their files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from raysearch.errors import InputError
from raysearch.files import replacing, write_json
from raysearch.malformed import MALFORMED, reason
from raysearch.training.encoding import Encoding
from raysearch.training.layout import Layout
from raysearch.training.networks import Networks
from raysearch.training.networks import merge as merge_networks
from raysearch.training.packed import Training
from raysearch.unpacking import MOST_JSON_BYTES, stored_archive, whole

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


def load(directory: Path) -> MLPSnapshot:
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
