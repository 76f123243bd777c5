"""All cells of a scan as one flat pool of pieces: what runs next, and what came back. No Ray."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from raysearch.events import Events
from raysearch.inputs import Inputs
from raysearch.objectives import CHANCE
from raysearch.progress import Say
from raysearch.scanning.cells import Cell, trial_index
from raysearch.scanning.course import Course, Piece, Retraining, Sets
from raysearch.scanning.executor import Executor, Handle, Lost, in_a_line
from raysearch.scanning.progress import ScanProgress
from raysearch.scanning.results import Full, Results
from raysearch.scanning.sets import Suggested, setup
from raysearch.scanning.settings import ScanSettings
from raysearch.scanning.work import (
    CellTrials,
    Prepared,
    judge_ensembles,
    parts,
    prepare_cell,
    retrain,
    run_sets,
)
from raysearch.trial import Setup
from raysearch.tuning.ending import Ending
from raysearch.tuning.pace import Pace

# Pieces that wait for each worker: it never waits for this process, and an autoscaler sees more.
_WAITING_PER_WORKER = 1
# A cell is prepared while another is trained; beyond that more only where there are workers.
_FEWEST_CELLS = 3
_TURN_S = 0.2

Templates = Callable[[Cell], Events | None]


@dataclass(frozen=True)
class Plan:
    """What a scan is made of.

    Attributes:
        settings: of the scan.
        sets: of each detector.
        inputs: by feature set.
        template: the template that an earlier run generated for a cell, or None.
        keep_template: called with a cell and the template generated for it.
    """

    settings: ScanSettings
    sets: Mapping[str, Sequence[Suggested]]
    inputs: Mapping[str, Inputs]
    template: Templates
    keep_template: Callable[[Cell, Events], object]

    def setup(self, cell: Cell, detector: str, number: int) -> Setup:
        """The setup of a set in a cell."""
        return setup(cell, detector, self.sets[detector][number])


@dataclass(eq=False)
class _Running:
    """A piece that was handed out.

    Attributes:
        enter: hears its result.
        failed: hears why the function raised.
        lost: hears why the system has no result.
        handles: of all its functions, the one with the result first.
    """

    enter: Callable[[Any], None]
    failed: Callable[[str], None]
    lost: Callable[[str], None]
    handles: list[Handle]


@dataclass(eq=False)
class Conduct:
    """A scan under way.

    Attributes:
        plan: of the scan.
        results: found so far.
        executor: where pieces run.
        say: receives progress, line by line.
        on_result: called after each piece.
        most_open: cells that were open at the same time, at most.
    """

    plan: Plan
    results: Results
    executor: Executor
    say: Say
    on_result: Callable[[], object] = lambda: None
    most_open: int = 0
    _open: list[Course] = field(default_factory=list)
    _running: dict[Handle, _Running] = field(default_factory=dict)

    def run(self, ending: Ending) -> None:
        """Run what is missing until nothing is, or the ending is due."""
        settings = self.plan.settings
        courses = [Course(cell, settings, self.results) for cell in settings.cells()]
        self._waiting = deque(course for course in courses if not course.is_done)
        total = len(courses) * len(settings.detectors) * settings.sets
        self._progress = ScanProgress(len(self.results.half), total, self.say)
        self._paces = {name: Pace() for name in settings.detectors}
        self._inputs: dict[str, Handle] = {}
        while not ending.is_due and self._fill():
            for handle in self.executor.ended(list(self._running), _TURN_S):
                self._hear(self._running.pop(handle), handle)
                self.on_result()
        self.executor.cancel([h for running in self._running.values() for h in running.handles])

    def _fill(self) -> bool:
        """Keep every worker busy; whether anything runs at all."""
        workers = self.executor.workers
        room = workers * (1 + _WAITING_PER_WORKER)
        self._release()
        while self._in_flight < room and self._start_one(workers):
            pass
        return bool(self._running)

    def _release(self) -> None:
        """Let go of the samples of cells that are done."""
        for course in self._open:
            if course.is_done:
                course.sample = None
        self._open = [course for course in self._open if not course.is_done]

    @property
    def _in_flight(self) -> int:
        return sum(len(running.handles) for running in self._running.values())

    def _start_one(self, workers: int) -> bool:
        """Hand out a piece of an open cell, or open the next cell; whether there was either."""
        for course in self._open:
            if course.needs_sample:
                self._prepare(course)
                return True
            piece = course.next(partial(self._size, workers)) if course.sample is not None else None
            if piece is not None:
                self._start(course, piece)
                return True
        if self._waiting and len(self._open) < max(_FEWEST_CELLS, workers):
            self._open.append(self._waiting.popleft())
            self.most_open = max(self.most_open, len(self._open))
            self._prepare(self._open[-1])
            return True
        return False

    def _size(self, workers: int, detector: str) -> int:
        left = sum(course.left for course in (*self._open, *self._waiting))
        return self._paces[detector].batch(left, workers)

    def _prepare(self, course: Course) -> None:
        cell = course.cell
        if cell.features not in self._inputs:
            self._inputs[cell.features] = self.executor.share(self.plan.inputs[cell.features])
        sample, prepared = self.executor.start(
            prepare_cell,
            self._inputs[cell.features],
            self.plan.settings.of_cell(cell),
            self.plan.template(cell),
            outputs=2,
        )
        course.is_preparing = True
        enter = partial(self._prepared, course, sample)
        failed, lost = (partial(_unprepared, course, is_lost) for is_lost in (False, True))
        self._running[prepared] = _Running(enter, failed, lost, [prepared])

    def _prepared(self, course: Course, sample: Handle, prepared: Prepared) -> None:
        course.prepared(sample)
        # In this order: a kill in between costs another training, not the check of the density.
        self.results.add_cell(course.cell, prepared.about)
        if prepared.generated is not None:
            self.plan.keep_template(course.cell, prepared.generated)

    def _start(self, course: Course, piece: Piece) -> None:
        if isinstance(piece, Sets):
            handles = self._start_sets(course, piece)
            enter = partial(self._ended, course, piece)
        else:
            handles = self._start_retraining(course, piece)
            enter = partial(self._retrained, course, piece)
        failed, lost = partial(course.failed, piece), partial(course.lost, piece, course.sample)
        self._running[handles[0]] = _Running(enter, failed, lost, handles)

    def _start_sets(self, course: Course, piece: Sets) -> list[Handle]:
        cell, settings = course.cell, self.plan.settings
        setups = {
            trial_index(piece.detector, k): self.plan.setup(cell, piece.detector, k)
            for k in piece.sets
        }
        also = (*settings.objectives, CHANCE.name)
        trials = CellTrials(settings.repeats, cell.seed(settings.seed), also)
        return self.executor.start(run_sets, course.sample, trials, setups)

    def _start_retraining(self, course: Course, piece: Retraining) -> list[Handle]:
        chosen = self.plan.setup(course.cell, piece.detector, piece.set)
        seed = course.cell.seed(self.plan.settings.seed)
        index = trial_index(piece.detector, piece.set)
        trained = [
            handle
            for part in parts(piece.detector)
            for handle in self.executor.start(
                retrain, course.sample, chosen, piece.objectives, seed, index, part
            )
        ]
        judged = self.executor.start(
            judge_ensembles, course.sample, chosen, piece.set, piece.objectives, *trained
        )
        return [*judged, *trained]

    def _ended(self, course: Course, piece: Sets, ends: Sequence[Any]) -> None:
        for end in ends:
            self._paces[piece.detector].add(end.record)
        first = trial_index(piece.detector, 0)
        course.enter(piece, {end.index - first: end.record for end in ends})
        self._progress.trials(len(ends), course.cell, piece.detector)

    def _retrained(self, course: Course, piece: Retraining, fulls: Mapping[str, Full]) -> None:
        course.enter_full(piece, fulls)
        for name, full in fulls.items():
            self._progress.full(course.cell, piece.detector, name, full)

    def _hear(self, running: _Running, handle: Handle) -> None:
        try:
            result = self.executor.result(handle)
        except Lost as error:
            running.lost(str(error))
        except Exception as error:
            running.failed(in_a_line(error))
        else:
            running.enter(result)


def _unprepared(course: Course, is_lost: bool, reason: str) -> None:
    course.unprepared(f"the sample of {course.cell} could not be prepared: {reason}", is_lost)
