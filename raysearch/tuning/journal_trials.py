"""What the lines of Optuna's journal say of a study's trials, and the lines to say it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from raysearch.tuning.store import SCHEMA, SCHEMA_KEY, now

Line = dict[str, Any]


class Operation(IntEnum):
    """Optuna's numbers for what a line does."""

    CREATE_STUDY = 0
    SET_STUDY_USER_ATTR = 2
    CREATE_TRIAL = 4
    SET_TRIAL_PARAM = 5
    SET_TRIAL_STATE_VALUES = 6
    SET_TRIAL_INTERMEDIATE_VALUE = 7
    SET_TRIAL_USER_ATTR = 8


@dataclass
class _Draft:
    """A trial as far as it has been read."""

    state: TrialState = TrialState.WAITING
    value: float | None = None
    params: dict[str, Any] = field(default_factory=dict)
    kinds: dict[str, BaseDistribution] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    reported: dict[int, float] = field(default_factory=dict)

    def frozen(self) -> FrozenTrial:
        return create_trial(
            state=self.state,
            value=self.value,
            params=self.params,
            distributions=self.kinds,
            user_attrs=self.attributes,
            intermediate_values=self.reported,
        )


class JournalTrials:
    """Trials of the first study of a journal; those of a finished one do not change any more."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        self._drafts: list[_Draft] = []
        self._kinds: dict[str, BaseDistribution] = {}
        self.schema: object = None

    def __getitem__(self, number: int) -> FrozenTrial:
        """The trial of this number, without its times."""
        return self._drafts[number].frozen()

    def __len__(self) -> int:
        """How many trials there are, waiting ones among them."""
        return len(self._drafts)

    def begun(self) -> dict[int, FrozenTrial]:
        """Trials that do not wait any more, by number."""
        drafts = enumerate(self._drafts)
        return {k: d.frozen() for k, d in drafts if d.state != TrialState.WAITING}

    def read(self, line: Mapping[str, Any]) -> None:
        """Take in one line."""
        operation = line["op_code"]
        if operation == Operation.SET_STUDY_USER_ATTR:
            self.schema = line["user_attr"].get(SCHEMA_KEY, self.schema)
        elif operation == Operation.CREATE_TRIAL:
            self._drafts.append(_Draft())
        elif "trial_id" in line:
            draft = self._drafts[line["trial_id"]]
            if not draft.state.is_finished():
                self._change(draft, operation, line)

    def _change(self, draft: _Draft, operation: int, line: Mapping[str, Any]) -> None:
        if operation == Operation.SET_TRIAL_PARAM:
            name, kind = line["param_name"], self._kind(line["distribution"])
            draft.kinds[name] = kind
            draft.params[name] = kind.to_external_repr(line["param_value_internal"])
        elif operation == Operation.SET_TRIAL_STATE_VALUES:
            draft.state = TrialState(line["state"])
            draft.value = line["values"][0] if line["values"] else None
        elif operation == Operation.SET_TRIAL_INTERMEDIATE_VALUE:
            draft.reported[line["step"]] = line["intermediate_value"]
        elif operation == Operation.SET_TRIAL_USER_ATTR:
            draft.attributes |= line["user_attr"]

    def _kind(self, text: str) -> BaseDistribution:
        """Distributions by their JSON: few of them belong to all trials."""
        if text not in self._kinds:
            self._kinds[text] = json_to_distribution(text)
        return self._kinds[text]


def creation(study: str, direction: StudyDirection, trials: int) -> Iterator[Line]:
    """Lines of a new journal: its study and all trials, which wait."""
    yield _line(Operation.CREATE_STUDY, study_name=study, directions=[int(direction)])
    yield _line(Operation.SET_STUDY_USER_ATTR, study_id=0, user_attr={SCHEMA_KEY: SCHEMA})
    for _ in range(trials):
        waiting = {"state": int(TrialState.WAITING), "datetime_start": None}
        yield _line(Operation.CREATE_TRIAL, study_id=0, **waiting)


def attribute(number: int, key: str, value: str) -> Line:
    """A line that sets an attribute."""
    return _line(Operation.SET_TRIAL_USER_ATTR, trial_id=number, user_attr={key: value})


def start(number: int) -> Line:
    """A line that lets a trial run."""
    told = {"state": int(TrialState.RUNNING), "values": None, "datetime_start": _now()}
    return _line(Operation.SET_TRIAL_STATE_VALUES, trial_id=number, **told)


def parameters(trial: FrozenTrial) -> Iterator[Line]:
    """Lines that give a trial its parameters."""
    for name, value in trial.params.items():
        kind = trial.distributions[name]
        yield _line(
            Operation.SET_TRIAL_PARAM,
            trial_id=trial.number,
            param_name=name,
            param_value_internal=kind.to_internal_repr(value),
            distribution=distribution_to_json(kind),
        )


def ending(trial: FrozenTrial) -> Iterator[Line]:
    """Lines that end a trial; with the last one it has ended."""
    for step, reached in trial.intermediate_values.items():
        told: Line = {"step": step, "intermediate_value": reached}
        yield _line(Operation.SET_TRIAL_INTERMEDIATE_VALUE, trial_id=trial.number, **told)
    told = {"state": int(trial.state), "values": trial.values, "datetime_complete": _now()}
    yield _line(Operation.SET_TRIAL_STATE_VALUES, trial_id=trial.number, **told)


def as_text(line: Line, worker: str) -> str:
    """A line as the file holds it."""
    return json.dumps({**line, "worker_id": worker}, separators=(",", ":"))


def _line(operation: Operation, **contents: Any) -> Line:
    return {"op_code": int(operation), **contents}


def _now() -> str:
    return f"{now().isoformat(timespec='microseconds')}+00:00"
