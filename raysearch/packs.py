"""Which trials are trained together. No Ray."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from raysearch.detectors import detector
from raysearch.trial import Setup


def packs(setups: Mapping[int, Setup], capacity: int) -> list[dict[int, Setup]]:
    """The trials divided into packs of compatible ones, in the order of their first trials.

    Args:
        setups: by index of the trial.
        capacity: trials in a pack at most.

    Raises:
        InputError: if a detector or a hyperparameter is unknown or out of range.

    Example:
        >>> mlp, hgb = (Setup("idealised", "baseline", name, {}) for name in ("mlp", "hgb"))
        >>> [list(pack) for pack in packs({0: mlp, 1: hgb, 2: mlp, 3: mlp}, capacity=2)]
        [[0, 2], [1], [3]]
    """
    found: list[dict[int, Setup]] = []
    open_packs: dict[Hashable, dict[int, Setup]] = {}
    for index, setup in setups.items():
        key = pack_key(setup)
        pack = open_packs.get(key) if key is not None else None
        if pack is None or len(pack) >= capacity:
            pack = {}
            found.append(pack)
            if key is not None:
                open_packs[key] = pack
        pack[index] = setup
    return found


def pack_key(setup: Setup) -> Hashable | None:
    """What trials of one pack have in common; None for a trial that stands alone.

    Raises:
        InputError: if the detector or a hyperparameter is unknown or out of range.
    """
    key = detector(setup.detector).pack_key(setup.parameters)
    return None if key is None else (setup.detector, key)


def joins_packs(setup: Setup) -> bool:
    """Whether a trial may be trained with others; not if it cannot be trained at all.

    Example:
        >>> joins_packs(Setup("idealised", "baseline", "mlp", {"layers": 2}))
        True
        >>> joins_packs(Setup("idealised", "baseline", "mlp", {"layers": -2}))
        False
    """
    try:
        return pack_key(setup) is not None
    except Exception:  # what the user's space returned; the trial itself says what is wrong
        return False
