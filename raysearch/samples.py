"""What flows between the steps: pools of events, rows to train on, the two samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from raysearch.events import Events
from raysearch.ranks import Ranks, ranked


class View(NamedTuple):
    """Which of a study's samples: the same data, seen against a template and through features.

    Attributes:
        mode: background template.
        features: feature set.
    """

    mode: str
    features: str

    def __str__(self) -> str:
        return f"{self.mode} {self.features}"


@dataclass(frozen=True, eq=False)
class Rows:
    """What a weakly supervised detector may see: features and class, never a truth label.

    Attributes:
        features: (n, d) float32, not standardised.
        is_data: (n,) True for signal-region data (class 1), False for template (class 0).
    """

    features: NDArray[np.float32]
    is_data: NDArray[np.bool_]

    @cached_property
    def ranks(self) -> Ranks:
        """The features as ranks, which trees bin; sorted once and kept.

        A copy by pickle carries them along, so that who asks for them before the rows go into
        Ray's object store spares every worker the sorting.
        """
        return ranked(self.features)


@dataclass(frozen=True, eq=False)
class Pools:
    """Disjoint events that a mode builds its samples from.

    Attributes:
        data: what an experiment would record, all masses, signal injected.
        truth: (n,) True for the injected signal in `data`; None for files without labels.
            Only the supervised mode reads it.
        template: background simulated in the signal region, or None.
        test: labelled events of the signal region for the supervised metric, or None.
    """

    data: Events
    truth: NDArray[np.bool_] | None
    template: Events | None
    test: Events | None


@dataclass(frozen=True, eq=False)
class TwoSample:
    """Signal-region data against background template, and labelled test events apart from both.

    Attributes:
        rows: features and class of data and template.
        mjj_tev: (n,) mass of each row.
        columns: names of the d features.
        test: (m, d) features of the test events, or None.
        test_is_signal: (m,) their labels; only supervised metrics may see them.
        test_mjj_tev: (m,) their masses.
        verdict: (v,) rising numbers of the rows that nothing may be chosen by: they tell whether
            the choice is more than luck; empty if none are set aside.
    """

    rows: Rows
    mjj_tev: NDArray[np.float32]
    columns: tuple[str, ...]
    test: NDArray[np.float32] | None = None
    test_is_signal: NDArray[np.bool_] | None = None
    test_mjj_tev: NDArray[np.float32] | None = None
    verdict: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))

    @cached_property
    def deciding(self) -> NDArray[np.intp]:
        """Rising numbers of the rows by which setups are chosen: all but the verdict rows."""
        is_free = np.ones(len(self.mjj_tev), dtype=np.bool_)
        is_free[self.verdict] = False
        return np.flatnonzero(is_free)
