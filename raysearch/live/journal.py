"""The trials in a file of Optuna's journal storage, read from where the last reading stopped.

No lock is taken: drivers only append, and take away nothing but a last line that is not whole. What
is kept in memory follows the file, whose size is bounded.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from raysearch.live.feed import (
    LISTED,
    MOST_PARAMETERS,
    Ended,
    News,
    Parameters,
    Running,
    Unreadable,
    parameters,
    record,
    seconds,
)
from raysearch.live.plain import text
from raysearch.settings import MOST_TRIALS
from raysearch.tuning.journal_trials import Operation
from raysearch.tuning.store import RECORD_KEY

# Read at once; a longer line is none of ours.
MOST_BYTES = 2_000_000
_MOST_IN_ALL = 2_000_000_000
# Its first lines name the driver that made the file, so that no two files have them in common.
_START_BYTES = 4_096
_WAITING, _RUNNING = "WAITING", "RUNNING"
_STATES = (_RUNNING, "COMPLETE", "PRUNED", "FAIL", _WAITING)
_NONE = "it holds no trials of a study"


@dataclass
class _Trial:
    """A trial as far as it has been read.

    Attributes:
        state: Optuna's word.
        since: when it was given to a worker.
        parameters: name, stored number and distribution of each.
        record: as text in JSON.
    """

    state: str = _WAITING
    since: float | None = None
    parameters: list[tuple[Any, Any, Any]] = field(default_factory=list)
    record: Any = None


@dataclass
class _Contents:
    """All that was read of one file."""

    start: bytes
    at: int = 0
    problem: str = ""
    trials: list[_Trial] = field(default_factory=list)
    running: set[int] = field(default_factory=set)
    distributions: dict[Any, Any] = field(default_factory=dict)

    def read(self, line: Mapping[str, Any]) -> Ended | None:
        """Take in one line; the trial that ends with it."""
        operation = line["op_code"]
        if operation == Operation.CREATE_TRIAL and len(self.trials) < MOST_TRIALS:
            self.trials.append(_Trial())
        elif "trial_id" in line:
            number = line["trial_id"]
            if number not in range(len(self.trials)):
                raise IndexError(number)
            trial = self.trials[number]
            # What a driver wrote that was taken for dead counts no more.
            if trial.state in (_WAITING, _RUNNING):
                return self._change(number, trial, operation, line)
        return None

    def _change(
        self, number: int, trial: _Trial, operation: int, line: Mapping[str, Any]
    ) -> Ended | None:
        if operation == Operation.SET_TRIAL_PARAM:
            self._give(trial, line)
        elif operation == Operation.SET_TRIAL_USER_ATTR:
            trial.record = line["user_attr"].get(RECORD_KEY, trial.record)
        elif operation == Operation.SET_TRIAL_STATE_VALUES:
            return self._move(number, trial, line)
        return None

    def _give(self, trial: _Trial, line: Mapping[str, Any]) -> None:
        if len(trial.parameters) < MOST_PARAMETERS:
            told = line["distribution"]
            # Few of them belong to all trials.
            told = self.distributions.setdefault(told, told)
            trial.parameters.append((line["param_name"], line["param_value_internal"], told))

    def _move(self, number: int, trial: _Trial, line: Mapping[str, Any]) -> Ended | None:
        trial.state = _STATES[line["state"]]
        if trial.state == _RUNNING:
            trial.since = seconds(line.get("datetime_start"))
            self.running.add(number)
        if trial.state in (_WAITING, _RUNNING):
            return None
        self.running.discard(number)
        told, trial.record = trial.record, None
        return Ended(number, seconds(line.get("datetime_complete")), record(told))


class JournalFeed:
    """Reads a journal; see `raysearch.live.feed.Feed`."""

    def __init__(self, path: Path) -> None:
        """Read nothing yet; the file may not exist."""
        self.name, self._path = path.name, path
        self._contents: _Contents | None = None

    def news(self) -> News | None:
        """See `Feed`."""
        if not self._path.is_file():
            return None
        with _opened(self._path) as file:
            contents, starts_anew = self._known(file)
            lines = _lines(file, contents.at)
        ended = list(_ended(contents, lines))
        self._contents = contents
        shown = sorted(contents.running)[:LISTED]
        running = [Running(k, contents.trials[k].since, self.parameters(k)) for k in shown]
        return News(starts_anew, ended, running, len(contents.running))

    def parameters(self, number: int) -> Parameters:
        """See `Feed`."""
        if self._contents is None or number not in range(len(self._contents.trials)):
            return ()
        return parameters(self._contents.trials[number].parameters)

    def _known(self, file: int) -> tuple[_Contents, bool]:
        """What was read of this file already, and whether it is another one than before."""
        start, size = os.pread(file, _START_BYTES, 0), os.fstat(file).st_size
        known = self._contents
        if known is None or size < known.at or not start.startswith(known.start):
            return _Contents(start), True
        known.start = start
        return known, False


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise Unreadable(_NONE)
            yield file
        finally:
            os.close(file)
    except OSError as error:
        raise Unreadable(f"{_NONE} ({text(error)})") from error


def _lines(file: int, at: int) -> bytes:
    """The next whole lines; one that is being written, or was cut off, is none yet."""
    found = os.pread(file, MOST_BYTES, at)
    whole = found[: found.rfind(b"\n") + 1]
    if len(found) == MOST_BYTES and not whole:
        raise Unreadable(f"{_NONE} (a line is longer than {MOST_BYTES / 1e6:.0f} MB)")
    if at + len(whole) > _MOST_IN_ALL:
        raise Unreadable(f"it is larger than {_MOST_IN_ALL / 1e9:.0f} GB")
    return whole


def _ended(contents: _Contents, lines: bytes) -> Iterator[Ended]:
    """Trials that end with these lines, which are taken in; nothing follows one that is wrong."""
    if contents.problem:
        raise Unreadable(contents.problem)
    contents.at += len(lines)
    for line in lines.splitlines():
        try:
            ended = contents.read(json.loads(line))
        except (
            *(ValueError, KeyError, TypeError, IndexError, AttributeError),
            *(OverflowError, RecursionError),
        ) as error:
            contents.problem = f"{_NONE} ({type(error).__name__})"
            return
        if ended is not None:
            yield ended
