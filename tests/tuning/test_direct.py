"""The direct backend's decisions, with workers that only pretend; no Ray process."""

from collections import deque
from types import SimpleNamespace

import pytest

from raysearch.racing import Race, Rung
from raysearch.records import Record
from raysearch.settings import Settings
from raysearch.trial import Setup
from raysearch.tuning import direct
from raysearch.tuning.assignments import Ended
from raysearch.tuning.book import Book
from raysearch.tuning.ending import Ending
from raysearch.tuning.history import History
from raysearch.tuning.pace import Pace
from raysearch.tuning.pool import Lost
from search_spaces.hgb import space

TASK = SimpleNamespace(
    setup=lambda c: Setup("idealised", "baseline", c["detector"], {}), capacity=1, timeout_s=7.0
)
EARLY = Rung(1, 5, 0.5)


class FakePool:
    """Two workers, of which each finishes one trial in every turn."""

    seconds = 0.1
    deadly: frozenset = frozenset()
    endless: frozenset = frozenset()
    losses: list
    waiting: list
    given: list
    rules: list
    sizes: list

    def __init__(self, task, gpus):
        self.ready = [SimpleNamespace(batches=deque()) for _ in range(2)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    @property
    def is_busy(self):
        return any(worker.batches for worker in self.ready)

    def grow(self, trials):
        pass

    def shrink(self):
        pass

    def give(self, worker, batch):
        worker.batches.append(deque(batch))
        self.given += [a.index for a in batch]
        self.sizes.append(len(batch))
        self.rules += [a.rule for a in batch]
        self.waiting.append(sum(map(len, worker.batches)) - 1)

    def events(self, timeout_s):
        for worker in self.ready:
            if not worker.batches:
                continue
            if any(a.index in self.deadly for a in worker.batches[0]):
                running, *waiting = worker.batches
                worker.batches = deque()
                yield Lost(list(running), [a for batch in waiting for a in batch], "it died")
                continue
            if any(a.index in self.endless for a in worker.batches[0]):
                running, *waiting = worker.batches
                worker.batches = deque()
                rest = [a for batch in waiting for a in batch]
                yield Lost(list(running), rest, "too long", overdue=True)
                continue
            if self.losses:
                self.losses.pop()
                running, *waiting = worker.batches
                worker.batches = deque()
                rest = [a for batch in waiting for a in batch]
                yield Lost(list(running), rest, "events lost", blameless=True)
                continue
            assignment = worker.batches[0].popleft()
            if not worker.batches[0]:
                worker.batches.popleft()
            record = Record("COMPLETE", {"val_sic": [1.0]}, 20, self.seconds, None, "hgb")
            yield Ended(assignment.index, record, {EARLY: float(assignment.index)})


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the direct backend with pretending workers; gives the history and what was given."""

    def of(trials=12, sampler="random", seconds=0.1, race=None, **how):
        kinds = {name: frozenset(how.pop(name, ())) for name in ("deadly", "endless")}
        pool = type("Pool", (FakePool,), {"seconds": seconds, **kinds})
        pool.losses = [None] * how.pop("losses", 0)
        pool.given, pool.waiting, pool.rules, pool.sizes = [], [], [], []
        monkeypatch.setattr(direct, "Pool", pool)
        history = History(tmp_path, Settings(trials=trials, sampler=sampler))
        book = Book(history, how.pop("space", space), how.pop("on_record", lambda *_: None))
        ahead = sampler == "random"
        task = SimpleNamespace(**{**vars(TASK), "capacity": how.pop("capacity", 1)})
        made = direct.Direct(book, task, race, Pace(), deaths=how.pop("deaths", 3), ahead=ahead)
        made.run(0.0, how.pop("ending", Ending()), while_short=how.pop("while_short", False))
        book.reopen()
        return history, pool

    return of


def states(history):
    return {index: record.state for index, (_, record) in history.records().items()}


def test_every_trial_is_run_once(run):
    history, pool = run(trials=40)
    assert states(history) == dict.fromkeys(range(40), "COMPLETE")
    assert sorted(pool.given) == list(range(40))


def test_very_short_trials_are_given_several_at_once_to_a_random_search(run):
    _, pool = run(trials=200, seconds=1e-3)
    assert max(pool.waiting) > 5


def test_with_tpe_one_setup_waits_at_most_for_each_worker(run):
    _, pool = run(trials=60, sampler="tpe", seconds=1e-3)
    assert max(pool.waiting) == 1


def test_long_trials_have_none_waiting_behind_them(run):
    _, pool = run(seconds=3.0)
    assert max(pool.waiting) == 0


def test_a_trial_that_kills_its_workers_fails_and_costs_no_other(run):
    history, pool = run(trials=30, seconds=1e-3, deadly={7}, deaths=3)
    assert states(history) == {**dict.fromkeys(range(30), "COMPLETE"), 7: "FAIL"}
    assert pool.given.count(7) == 3
    reason = history.records()[7][1].error
    assert reason == "its worker died in each of 3 runs: it died"


def test_lost_events_are_no_trials_fault_however_often_they_are_lost(run):
    history, pool = run(losses=20, deaths=1)
    assert states(history) == dict.fromkeys(range(12), "COMPLETE")
    assert len(pool.given) > 20
    assert not pool.losses


def test_a_trial_that_takes_too_long_fails_at_once_and_costs_no_other(run):
    history, pool = run(endless=[5])
    ended = states(history)
    assert ended.pop(5) == "FAIL"
    assert set(ended.values()) == {"COMPLETE"}
    failed = history.records()[5][1]
    assert (failed.error, failed.seconds) == ("too long", 7.0)
    # With others in its batch, it may have been another's fault; alone, it was not.
    assert pool.given.count(5) <= 2


def test_a_trial_is_given_again_with_its_parameters(run, tmp_path):
    with_death, _ = run(trials=8, deadly={2}, deaths=2)
    params = {index: p for index, (p, _) in with_death.records().items()}
    (tmp_path / "quiet").mkdir()
    quiet = History(tmp_path / "quiet", Settings(trials=8, sampler="random"))
    while quiet.left:
        index, trial = quiet.ask()
        space(trial)
        assert trial.params == params[index]


def test_trials_that_turn_out_long_are_left_to_tune(run):
    history, pool = run(trials=50, seconds=3.0, while_short=True)
    assert 5 <= len(states(history)) == len(pool.given) < 10
    assert history.left == 50 - len(pool.given)


def test_when_the_ending_is_due_what_runs_is_given_again_later(run):
    ending = Ending()

    def end(index, record):
        if index >= 4:
            ending.reason = "enough"

    history, pool = run(trials=30, ending=ending, on_record=end)
    finished = states(history)
    assert 1 <= len(finished) < len(pool.given)
    assert history.left == 30 - len(finished)
    assert history.ask()[0] == min(set(range(30)) - set(finished))


def test_a_rule_knows_the_trials_that_ended_before_it_was_sent(run):
    _, pool = run(race=Race("max"), sampler="tpe")
    assert pool.rules[0].known == {}
    known = pool.rules[-1].known[EARLY]
    assert len(known) >= 8
    assert set(known) <= set(map(float, pool.given))


def test_without_a_race_no_rule_is_sent(run):
    _, pool = run()
    assert set(pool.rules) == {None}


def networks(trial):
    trial.suggest_float("x", 0, 1)
    return {"detector": "mlp", "parameters": {}}


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_pack_is_no_larger_than_a_workers_fair_share(run, sampler):
    _, pool = run(trials=10, space=networks, capacity=8, sampler=sampler, seconds=3.0)
    assert pool.sizes[:2] == [5, 3]
    assert sum(pool.sizes) == 10


def test_trees_are_not_gathered_for_a_pack(run):
    _, pool = run(trials=20, capacity=8, seconds=3.0)
    assert set(pool.sizes) == {1}
