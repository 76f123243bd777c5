"""Whose process is ended because its trial lasts too long, turn by turn; without Ray."""

from types import SimpleNamespace

import pytest

from raysearch.tuning import limit as limit_module
from raysearch.tuning.limit import Limit

TIMEOUT_S = 60.0


class Process:
    """An actor of Tune's that answers at once, or not at all."""

    def __init__(self, is_well=True):
        self.is_well, self.asked = is_well, 0
        self.__ray_ready__ = self

    def remote(self):
        self.asked += 1
        return self


class Trial(SimpleNamespace):
    """Known by its name, as Tune's are."""

    def __hash__(self):
        return hash(self.trial_id)


class Trials:
    """Tune's loop: trials that are there, and how long its turns take."""

    def __init__(self, monkeypatch):
        self.now, self.overdue, self.killed, self.all = 1000.0, [], [], []
        monkeypatch.setattr(limit_module.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(limit_module, "ray", self)
        search = SimpleNamespace(overdue=lambda name, timeout_s: self.overdue.append(name))
        self.limit = Limit(TIMEOUT_S, search)

    def wait(self, processes, timeout):
        assert timeout == 0
        return [p for p in processes if p.is_well], [p for p in processes if not p.is_well]

    def kill(self, process):
        self.killed.append(process)

    def add(self, process):
        state = SimpleNamespace(ray_actor=process)
        trial = Trial(trial_id=f"{len(self.all)}", temporary_state=state, max_failures=3)
        self.all.append(trial)
        return trial

    def turns(self, number, each_s=0.1):
        for _ in range(number):
            self.now += each_s
            self.limit.on_step_end(0, self.all)


@pytest.fixture
def trials(monkeypatch):
    return Trials(monkeypatch)


def test_what_does_not_answer_is_ended_soon_after_its_limit(trials):
    trial = trials.add(Process(is_well=False))
    trials.turns(601)
    assert trial.temporary_state.ray_actor.asked == 0
    trials.turns(90)
    assert not trials.killed
    trials.turns(20)
    assert trials.killed == [trial.temporary_state.ray_actor]
    assert (trials.overdue, trial.max_failures) == (["0"], 0)


def test_what_answers_is_not_ended_however_late_its_end_is_heard(trials):
    """A backlog: hundreds have told of their ends, and the driver hears one in half a second."""
    for _ in range(300):
        trials.add(Process())
    trials.turns(2000, each_s=0.5)
    assert not trials.killed
    # It is not asked in every turn.
    assert 0 < max(trial.temporary_state.ray_actor.asked for trial in trials.all) < 100


def test_what_stops_answering_later_is_ended_then(trials):
    process = trials.add(Process()).temporary_state.ray_actor
    trials.turns(1000)
    assert not trials.killed
    process.is_well = False
    trials.turns(250)
    assert trials.killed == [process]


def test_a_trial_that_goes_on_in_another_process_starts_anew(trials):
    trial = trials.add(Process(is_well=False))
    trials.turns(650)
    trial.temporary_state.ray_actor = None
    trials.turns(1000)
    other = trial.temporary_state.ray_actor = Process(is_well=False)
    trials.turns(650)
    assert not trials.killed
    trials.turns(100)
    assert trials.killed == [other]


@pytest.mark.parametrize("ends", [Limit.on_trial_complete, Limit.on_trial_error])
def test_a_trial_that_ends_in_the_turn_in_which_it_would_be_ended_is_left(ends, trials):
    trial = trials.add(Process(is_well=False))
    trials.turns(700)
    ends(trials.limit, 0, trials.all, trial)
    trials.turns(700)
    assert not trials.killed


def test_an_end_that_was_on_its_way_as_its_process_was_ended_is_heard_once(trials):
    trial = trials.add(Process(is_well=False))
    trials.turns(710)
    assert trials.overdue == ["0"]
    trials.limit.on_trial_complete(0, trials.all, trial)
    trials.turns(1000)
    assert (trials.overdue, len(trials.killed)) == (["0"], 1)


def test_a_trial_that_is_given_again_after_all_is_watched_again(trials):
    """Ray counts a death on a node that is taken away as nobody's failure."""
    trial = trials.add(Process(is_well=False))
    trials.turns(710)
    trial.temporary_state.ray_actor = None
    trials.turns(10)
    other = trial.temporary_state.ray_actor = Process(is_well=False)
    trials.turns(710)
    assert trials.killed[1:] == [other]


def test_while_the_driver_stands_still_no_time_passes(trials):
    trials.add(Process(is_well=False))
    trials.turns(1)
    trials.turns(3, each_s=3600)
    trials.turns(500)
    assert not trials.killed
    trials.turns(105)  # it is asked
    trials.turns(5, each_s=3600)
    assert not trials.killed
    trials.turns(100)
    assert len(trials.killed) == 1
