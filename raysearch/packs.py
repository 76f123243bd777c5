"""Which trials are trained together. No Ray, and no torch where all of them are trees."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING

from raysearch.detectors import detector
from raysearch.detectors.mlp import MLPDetector
from raysearch.samples import TwoSample
from raysearch.trial import Setup

if TYPE_CHECKING:
    from raysearch.training.memory import Workload


def packs(setups: Mapping[int, Setup], capacity: Callable[[Setup], int]) -> list[dict[int, Setup]]:
    """The trials divided into packs of compatible ones, in the order of their first trials.

    Args:
        setups: by index of the trial.
        capacity: trials in a pack of such setups at most.

    Raises:
        InputError: if a detector or a hyperparameter is unknown or out of range.

    Example:
        >>> mlp, hgb = (Setup("idealised", "baseline", name, {}) for name in ("mlp", "hgb"))
        >>> [list(pack) for pack in packs({0: mlp, 1: hgb, 2: mlp, 3: mlp}, lambda setup: 2)]
        [[0, 2], [1], [3]]
    """
    found: list[dict[int, Setup]] = []
    open_packs: dict[Hashable, dict[int, Setup]] = {}
    for index, setup in setups.items():
        key = pack_key(setup)
        pack = open_packs.get(key) if key is not None else None
        if pack is None or len(pack) >= capacity(setup):
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
    return None if key is None else (setup.view, setup.detector, key)


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


def worthwhile(setup: Setup, sample: TwoSample, repeats: int, share: float = 1.0) -> int | None:
    """Trials of such a setup that are worth training as one pack on this process's device.

    Measured once for each layout of networks, at the default batch size.

    Args:
        setup: what is trained.
        sample: on which.
        repeats: fits of each trial.
        share: of a GPU that may be used.

    Returns:
        At least 1; None for detectors of which nothing is known.

    Raises:
        InputError: if the detector or a hyperparameter is unknown or out of range.
    """
    workload = workload_of(setup, sample)
    if workload is None:
        return None
    from raysearch.training.capacity import pack_size

    family = detector(setup.detector)
    engine = family.engine if isinstance(family, MLPDetector) else None
    return max(1, pack_size(workload, repeats, engine=engine, share=share) // repeats)


def workload_of(setup: Setup, sample: TwoSample) -> Workload | None:
    """What decides the memory of a pack of such setups; None for detectors other than networks."""
    family = detector(setup.detector)
    if not isinstance(family, MLPDetector):
        return None
    from raysearch.training.layout import Layout
    from raysearch.training.memory import Workload

    rows, test = len(sample.deciding), 0 if sample.test is None else len(sample.test)
    layout = Layout(len(sample.columns), *family.pack_key(setup.parameters))
    size = int(family.defaults["batch_size"])
    half = -(-rows // 2)
    return Workload(layout, size, half, max(half, test), table_rows=len(sample.mjj_tev))
