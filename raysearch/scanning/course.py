"""What is left to do in one cell, handed out in small pieces."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from raysearch.records import Record
from raysearch.scanning.cells import Cell
from raysearch.scanning.choice import choices, shared
from raysearch.scanning.results import LOST, Full, FullKey, HalfKey, Results
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
# A sample that the system lost while it was made is made once more.
_TRIES = 2


@dataclass
class Course:
    """One cell under way.

    Attributes:
        cell: which.
        settings: of the scan.
        results: of the scan so far.
        sample: handle of its sample; None before it is prepared and after it was released or lost.
        is_preparing: whether the sample is being made.
        running: pieces that were handed out and have not come back.
    """

    cell: Cell
    settings: ScanSettings
    results: Results
    sample: Any = None
    is_preparing: bool = False
    running: int = 0
    _missing: dict[str, deque[int]] = field(default_factory=dict)
    _alone: deque[Sets] = field(default_factory=deque)
    _lost_once: set[Piece] = field(default_factory=set)
    _unprepared: int = 0
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
        return not (
            self.is_preparing
            or self.running
            or self.left
            or any(map(self._retrainings, self._missing))
        )

    @property
    def needs_sample(self) -> bool:
        """Whether there is something to hand out, and no sample to do it with."""
        has_none = self.sample is None and not self.is_preparing
        return has_none and (self.left > 0 or any(self._unasked()))

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
        for retraining in self._unasked():
            return retraining
        if self._alone:
            return self._alone.popleft()
        for name, missing in self._missing.items():
            if missing:
                count = min(size(name), len(missing))
                return Sets(name, tuple(missing.popleft() for _ in range(count)))
        return None

    def _unasked(self) -> Iterator[Retraining]:
        for name in self._missing:
            for piece in self._retrainings(name):
                if not self._keys(piece) & self._asked:
                    yield piece

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

    def failed(self, piece: Piece, reason: str) -> None:
        """A piece raised: its sets run again one by one; what was alone has failed for good."""
        if isinstance(piece, Retraining):
            self.enter_full(piece, _ended_all(piece, reason))
        elif len(piece.sets) == 1:
            self.enter(piece, {piece.sets[0]: _ended(piece.detector, reason)})
        else:
            self.running -= 1
            self._alone += _singles(piece)

    def lost(self, piece: Piece, sample: Any, reason: str) -> None:
        """The system lost a piece: it runs once more, alone and on a sample that is made anew.

        Args:
            piece: what was lost.
            sample: that it ran on, which may be what is gone.
            reason: in a line.
        """
        for single in [piece] if isinstance(piece, Retraining) else _singles(piece):
            if single in self._lost_once:
                self._give_up(single, reason)
                continue
            self._lost_once.add(single)
            if self.sample is sample:
                self.sample = None
            if isinstance(single, Retraining):
                self._asked -= self._keys(single)
            else:
                self._alone.append(single)
        self.running -= 1

    def prepared(self, sample: Any) -> None:
        """There is a sample."""
        self.is_preparing, self.sample = False, sample

    def unprepared(self, reason: str, is_lost: bool) -> None:
        """There is no sample; one that the system lost is worth another try."""
        self.is_preparing = False
        self._unprepared += 1
        if not is_lost or self._unprepared == _TRIES:
            self.end(reason, is_lost)

    def end(self, reason: str, is_lost: bool) -> None:
        """There will be no sample: note it for all that is left."""
        for name, missing in self._missing.items():
            waiting = [k for piece in self._alone if piece.detector == name for k in piece.sets]
            ended = _ended(name, reason, is_lost)
            keys = [HalfKey(self.cell, name, k) for k in (*missing, *waiting)]
            self.results.add_halves(dict.fromkeys(keys, ended))
            missing.clear()
        self._alone.clear()
        for name in self._missing:
            for piece in self._retrainings(name):
                self.running += 1
                self.enter_full(piece, _ended_all(piece, reason, is_lost))

    def _give_up(self, piece: Piece, reason: str) -> None:
        self.running += 1
        if isinstance(piece, Retraining):
            self.enter_full(piece, _ended_all(piece, reason, is_lost=True))
        else:
            ended = _ended(piece.detector, reason, is_lost=True)
            self.enter(piece, dict.fromkeys(piece.sets, ended))

    def _retrainings(self, detector: str) -> list[Retraining]:
        """Chosen sets without a result, once all sets of the detector have ended."""
        if self._missing[detector]:
            return []
        keys = [HalfKey(self.cell, detector, k) for k in range(self.settings.sets)]
        if not all(key in self.results.half for key in keys):
            return []
        chosen = choices([self.results.half[key] for key in keys], self.settings.objectives)
        wanted = [Retraining(detector, k, o) for o, k in shared(chosen).items()]
        return [piece for piece in wanted if not self._has_all(piece)]

    def _has_all(self, piece: Retraining) -> bool:
        """Whether there is an ensemble of this very set: before all had ended another was best."""
        found = [self.results.full.get(key) for key in self._keys(piece)]
        return all(full is not None and full.set == piece.set for full in found)

    def _keys(self, piece: Retraining) -> set[FullKey]:
        return {FullKey(self.cell, piece.detector, name) for name in piece.objectives}


def _singles(piece: Sets) -> list[Sets]:
    return [Sets(piece.detector, (k,)) for k in piece.sets]


def _ended_all(piece: Retraining, reason: str, is_lost: bool = False) -> dict[str, Full]:
    return dict.fromkeys(piece.objectives, Full(piece.set, {}, 0.0, reason, is_lost))


def _ended(detector: str, reason: str, is_lost: bool = False) -> Record:
    return Record(LOST if is_lost else "FAIL", {}, 0, 0.0, reason, detector)
