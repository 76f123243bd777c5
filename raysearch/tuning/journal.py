"""Whole trials in a file of Optuna's journal storage; see `raysearch.tuning.store.Store`.

For file systems on which a database is not safe. Optuna and its tools read the file. Its own
writing takes a lock that stays when its holder is killed; ours goes with the holder. All trials are
there from the beginning, since a trial's number is its place in the journal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from raysearch.errors import InputError
from raysearch.schemas import check_schema
from raysearch.tuning.journal_file import JournalFile
from raysearch.tuning.journal_trials import (
    JournalTrials,
    Line,
    Operation,
    as_text,
    attribute,
    creation,
    ending,
    parameters,
    start,
)
from raysearch.tuning.ledger import Ledger
from raysearch.tuning.store import DRIVER_PREFIX, RECORD_KEY, SCHEMA, Claim, now


class Journal:
    """Trials of one study in a journal."""

    def __init__(
        self, path: Path, study: str, direction: StudyDirection, trials: int, ledger: Ledger
    ) -> None:
        """Open the file or create it.

        Args:
            path: of the file.
            study: its name, for Optuna's tools.
            direction: of a new study.
            trials: of a new study.
            ledger: empty, of this driver.

        Raises:
            InputError: if the file is no journal of a study, or one of another schema.
        """
        self.ledger, self._path = ledger, path
        self._file, self._found = JournalFile(path), JournalTrials()
        self.close = self._file.close
        self._unread: list[int] = []
        self._unwritten: list[Line] = []
        self._begun: set[int] = set()
        self._n_lines = 0
        with self._file.held(to_write=True):
            self._read()
            if len(self._found):
                check_schema(path, self._found.schema, SCHEMA)
            # Whoever was killed while creating it left fewer lines.
            new = list(creation(study, direction, trials))
            self._append(new[self._n_lines :], durable=True)

    def trials(self) -> dict[int, FrozenTrial]:
        """See `Store`."""
        self.refresh()
        self._unread = []
        found = self._found.begun()
        self._begun |= {index for index, trial in found.items() if trial.params}
        return found

    def refresh(self) -> None:
        """See `Store`."""
        with self._file.held(to_write=False):
            self._read()
        self.ledger.look()

    def ended(self) -> dict[int, FrozenTrial]:
        """See `Store`."""
        unread, self._unread = self._unread, []
        return {index: self._found[index] for index in unread}

    def claim(self) -> Claim | None:
        """See `Store`."""
        with self._file.held(to_write=True):
            self._read()
            self.ledger.look()
            index = self.ledger.free()
            if index is None:
                return None
            trial = self._found[index]
            lines = [attribute(index, f"{DRIVER_PREFIX}{self.ledger.me}", str(now()))]
            lines += [start(index)] if trial.state == TrialState.WAITING else []
            self._append(lines, durable=False)
        self.ledger.take(index, self.ledger.me)
        self._begun |= {index} if trial.params else set()
        return Claim(index, trial.params)

    def begin(self, trial: FrozenTrial) -> None:
        """See `Store`."""
        if trial.number not in self._begun:
            self._begun.add(trial.number)
            self._unwritten += parameters(trial)

    def end(self, trial: FrozenTrial, record: str) -> None:
        """See `Store`."""
        self.begin(trial)
        self.ledger.end(trial.number)
        self._unwritten += [attribute(trial.number, RECORD_KEY, record), *ending(trial)]

    def commit(self) -> None:
        """See `Store`."""
        if self._unwritten:
            with self._file.held(to_write=True):
                self._read()
                self._append(self._unwritten, durable=True)
            self._unwritten = []

    def _append(self, lines: Iterable[Line], *, durable: bool) -> None:
        self._file.append((as_text(line, self.ledger.me) for line in lines), durable=durable)

    def _read(self) -> None:
        try:
            for text in self._file.news():
                self._n_lines += 1
                self._take(json.loads(text))
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise InputError(
                f"{self._path} must be a journal of Optuna that raysearch wrote, but: {error!r}; "
                "put back the one of this study, or start a new study."
            ) from error

    def _take(self, line: Line) -> None:
        """Take in one line, and what it says of who has which trial."""
        self._found.read(line)
        if line["op_code"] == Operation.SET_TRIAL_USER_ATTR:
            for key in line["user_attr"]:
                if key.startswith(DRIVER_PREFIX):
                    self.ledger.take(line["trial_id"], key.removeprefix(DRIVER_PREFIX))
        elif line["op_code"] == Operation.SET_TRIAL_STATE_VALUES:
            index = line["trial_id"]
            if TrialState(line["state"]).is_finished() and not self.ledger.has_ended(index):
                self.ledger.end(index)
                self._unread.append(index)
