"""What is left to do in one cell, handed out in small pieces."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from raysearch.records import Record
from raysearch.scanning.cells import Cell
from raysearch.scanning.choice import choices, shared
from raysearch.scanning.results import Full, FullKey, HalfKey, Results
from raysearch.scanning.settings import ScanSettings


class Sets(NamedTuple):
    """Hyperparameter sets of one detector, to be trained on halves."""

    detector: str
    sets: tuple[int, ...]


class Retraining(NamedTuple):
    """A chosen set, to be trained on all rows for the objectives that chose it."""

    detector: str
    set: int
    objectives: tuple[str, ...]


Piece = Sets | Retraining


@dataclass
class Course:
    """One cell under way.

    Attributes:
        cell: which.
        settings: of the scan.
        results: of the scan so far.
        sample: handle of its sample; None before it is prepared and after it was released.
        running: pieces that were handed out and have not come back.
    """

    cell: Cell
    settings: ScanSettings
    results: Results
    sample: Any = None
    running: int = 0
    _missing: dict[str, deque[int]] = field(default_factory=dict)
    _alone: deque[Piece] = field(default_factory=deque)
    _asked: set[FullKey] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Look up what the results lack."""
        for name in self.settings.detectors:
            keys = [HalfKey(self.cell, name, k) for k in range(self.settings.sets)]
            self._missing[name] = deque(k.set for k in keys if k not in self.results.half)

    @property
    def left(self) -> int:
        """Sets that were not handed out yet."""
        return sum(map(len, self._missing.values())) + len(self._alone)

    @property
    def is_done(self) -> bool:
        """Whether nothing is running and nothing is left, retrainings included."""
        return not (self.running or self.left or any(map(self._retrainings, self._missing)))

    def next(self, size: Callable[[str], int]) -> Piece | None:
        """The next piece, retrainings first: they let go of the cell.

        Args:
            size: sets of a detector that go into one piece.
        """
        piece = self._next(size)
        self.running += piece is not None
        if isinstance(piece, Retraining):
            self._asked |= self._keys(piece)
        return piece

    def _next(self, size: Callable[[str], int]) -> Piece | None:
        for name in self._missing:
            for piece in self._retrainings(name):
                if not self._keys(piece) & self._asked:
                    return piece
        if self._alone:
            return self._alone.popleft()
        for name, missing in self._missing.items():
            if missing:
                count = min(size(name), len(missing))
                return Sets(name, tuple(missing.popleft() for _ in range(count)))
        return None

    def enter(self, piece: Sets, records: dict[int, Record]) -> None:
        """Note how the sets of a piece ended."""
        self.running -= 1
        self.results.add_halves(
            {HalfKey(self.cell, piece.detector, k): record for k, record in records.items()}
        )

    def enter_full(self, piece: Retraining, fulls: Mapping[str, Full]) -> None:
        """Note the final ensembles of a piece, by objective."""
        self.running -= 1
        for name, full in fulls.items():
            self.results.add_full(FullKey(self.cell, piece.detector, name), full)

    def lost(self, piece: Piece, reason: str) -> None:
        """A piece cost its workers' lives: its sets run again one by one; what was alone failed."""
        if isinstance(piece, Retraining):
            self.enter_full(piece, _failed_all(piece, reason))
        elif len(piece.sets) == 1:
            self.enter(piece, {piece.sets[0]: _failed(piece.detector, reason)})
        else:
            self.running -= 1
            self._alone += [Sets(piece.detector, (k,)) for k in piece.sets]

    def fail(self, reason: str) -> None:
        """There will be no sample: note it for all that is left."""
        for name, missing in self._missing.items():
            failed = _failed(name, reason)
            self.results.add_halves({HalfKey(self.cell, name, k): failed for k in missing})
            missing.clear()
            for piece in self._retrainings(name):
                self.running += 1
                self.enter_full(piece, _failed_all(piece, reason))

    def _retrainings(self, detector: str) -> list[Retraining]:
        """Chosen sets without a result, once all sets of the detector have ended."""
        if self._missing[detector]:
            return []
        keys = [HalfKey(self.cell, detector, k) for k in range(self.settings.sets)]
        if not all(key in self.results.half for key in keys):
            return []
        chosen = choices([self.results.half[key] for key in keys], self.settings.objectives)
        wanted = [Retraining(detector, k, o) for o, k in shared(chosen).items()]
        return [piece for piece in wanted if not self._keys(piece) <= self.results.full.keys()]

    def _keys(self, piece: Retraining) -> set[FullKey]:
        return {FullKey(self.cell, piece.detector, name) for name in piece.objectives}


def _failed_all(piece: Retraining, reason: str) -> dict[str, Full]:
    return dict.fromkeys(piece.objectives, Full(piece.set, {}, 0.0, reason))


def _failed(detector: str, reason: str) -> Record:
    return Record("FAIL", {}, 0, 0.0, reason, detector)
