"""What every store of trials has to do; each is asked the same."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from raysearch.tuning.ledger import Ledger
from raysearch.tuning.stores import open_store

TRIALS = 8
KINDS = {
    "kind": CategoricalDistribution(["a", "b"]),
    "rate": FloatDistribution(1e-3, 1.0, log=True),
    "depth": IntDistribution(1, 9),
}
PARAMS = {"kind": "b", "rate": 0.25, "depth": 3}


@pytest.fixture
def drive(tmp_path, where):
    """Start another driver; those of the set `dead` are taken for dead."""
    stores, dead = [], set()

    def opened(name, trials=TRIALS):
        ledger = Ledger(trials, name, lambda driver: driver not in dead)
        store = open_store(tmp_path, where, StudyDirection.MAXIMIZE, trials, ledger)
        store.trials()
        return store

    def drive(name):
        stores.append(opened(name))
        return stores[-1]

    drive.dead, drive.opened = dead, opened
    yield drive
    for store in stores:
        store.close()


def trial(number, state=TrialState.COMPLETE, params=PARAMS, **how):
    how |= {"value": 0.5} if state == TrialState.COMPLETE else {}
    kinds = {name: KINDS[name] for name in params}
    made = create_trial(state=state, params=params, distributions=kinds, **how)
    made.number = number
    return made


def begin(store, params=PARAMS):
    claim = store.claim()
    store.begin(trial(claim.number, TrialState.RUNNING, params))
    store.commit()
    return claim.number


def end(store, index, record="{}", **how):
    store.end(trial(index, **how), record)
    store.commit()


class TestStore:
    def test_a_new_one_is_empty(self, drive):
        store = drive("one")
        assert store.trials() == {}
        assert (store.ledger.left, store.ledger.is_over) == (TRIALS, False)

    def test_trials_are_given_in_order_until_none_is_left(self, drive):
        store = drive("one")
        assert [begin(store) for _ in range(TRIALS)] == list(range(TRIALS))
        assert store.claim() is None
        assert store.ledger.left == 0
        assert store.ledger.mine == list(range(TRIALS))

    def test_two_drivers_are_never_given_the_same(self, drive):
        one, two = drive("one"), drive("two")
        found = [begin(store) for store in (one, two, two, one, two, one, one, two)]
        assert found == list(range(TRIALS))
        assert one.claim() is None
        assert two.claim() is None

    def test_what_was_written_is_read(self, drive):
        store = drive("one")
        for state in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL):
            reported = {700: 0.3} if state == TrialState.PRUNED else {}
            end(store, begin(store), state.name, state=state, intermediate_values=reported)
        begin(store)
        found = drive("two").trials()
        assert [found[i].state.name for i in range(4)] == ["COMPLETE", "PRUNED", "FAIL", "RUNNING"]
        assert all(found[i].params == PARAMS for i in range(4))
        assert all(found[i].distributions == KINDS for i in range(4))
        assert found[0].value == 0.5
        assert found[1].intermediate_values == {700: 0.3}
        assert [found[i].user_attrs["record"] for i in range(3)] == ["COMPLETE", "PRUNED", "FAIL"]

    def test_a_driver_learns_what_another_ended_once(self, drive):
        one, two = drive("one"), drive("two")
        end(one, begin(one), "told")
        end(two, begin(two), "own")
        two.refresh()
        assert {i: t.user_attrs["record"] for i, t in two.ended().items()} == {0: "told"}
        two.refresh()
        assert two.ended() == {}
        one.refresh()
        assert list(one.ended()) == [1]

    def test_news_come_with_a_claim(self, drive):
        one, two = drive("one"), drive("two")
        end(one, begin(one))
        begin(two)
        assert list(two.ended()) == [0]

    def test_the_count_of_ends_is_exact(self, drive):
        one, two = drive("one"), drive("two")
        for store in (one, two) * (TRIALS // 2):
            end(store, begin(store))
        for store in (one, two):
            store.refresh()
            assert store.ledger.is_over

    def test_what_a_dead_driver_had_is_given_again_with_its_parameters(self, drive):
        one, two, three = drive("one"), drive("two"), drive("three")
        end(one, begin(one))
        assert [begin(one), begin(two)] == [1, 2]
        drive.dead.add("one")
        two.refresh()
        assert two.ledger.left == TRIALS - 2
        claim = two.claim()
        two.commit()
        assert (claim.number, dict(claim.params)) == (1, PARAMS)
        assert begin(three) == 3  # it is not given a third time
        end(two, 1)
        found = drive("four").trials()
        assert found[1].params == PARAMS
        assert [found[i].state.is_finished() for i in range(4)] == [True, True, False, False]

    def test_a_dead_driver_that_gave_no_parameters_loses_nothing(self, drive):
        one, two = drive("one"), drive("two")
        one.claim()
        one.commit()
        drive.dead.add("one")
        claim = two.claim()
        assert (claim.number, dict(claim.params)) == (0, {})
        two.begin(trial(0, TrialState.RUNNING))
        two.commit()
        assert drive("three").trials()[0].params == PARAMS

    def test_the_first_end_counts(self, drive):
        one, two = drive("one"), drive("two")
        begin(one)
        drive.dead.add("one")
        two.claim()
        end(two, 0, "first")
        end(one, 0, "late", state=TrialState.FAIL)
        found = drive("three").trials()[0]
        assert (found.state, found.user_attrs["record"]) == (TrialState.COMPLETE, "first")

    def test_what_was_not_committed_is_not_seen(self, drive):
        one, two = drive("one"), drive("two")
        index = begin(one)
        one.end(trial(index), "{}")
        two.refresh()
        assert two.ended() == {}

    def test_a_trial_without_parameters_ends(self, drive):
        store = drive("one")
        index = begin(store, {})
        end(store, index, params={}, state=TrialState.FAIL)
        assert drive("two").trials()[index].state == TrialState.FAIL

    def test_drivers_at_the_same_time_share_the_trials(self, drive):
        def work(name):
            with closing(drive.opened(name, 60)) as store:
                return list(shared(store))

        def shared(store):
            while claim := store.claim():
                store.begin(trial(claim.number, TrialState.RUNNING))
                store.commit()
                end(store, claim.number)
                yield claim.number

        drive.opened("first", 60).close()
        with ThreadPoolExecutor(3) as threads:
            shares = list(threads.map(work, ("one", "two", "three")))
        assert sorted(index for share in shares for index in share) == list(range(60))

    def test_another_schema_is_refused(self, drive, monkeypatch):
        drive("one")
        for module in ("database", "journal", "journal_trials"):
            monkeypatch.setattr(f"raysearch.tuning.{module}.SCHEMA", 2)
        with pytest.raises(ValueError, match="must have schema 2, but got 1"):
            drive("two")

    def test_optuna_reads_it(self, drive, where, tmp_path):
        store = drive("one")
        end(store, begin(store), json.dumps({"a": 1}))
        end(store, begin(store), state=TrialState.PRUNED, intermediate_values={500: 0.25})
        begin(store)
        read = [t for t in optunas(where, tmp_path) if t.state != TrialState.WAITING]
        assert [t.state.name for t in read] == ["COMPLETE", "PRUNED", "RUNNING"]
        assert [t.number for t in read] == [0, 1, 2]
        assert all(t.params == PARAMS and t.distributions == KINDS for t in read)
        assert (read[0].value, read[1].intermediate_values) == (0.5, {500: 0.25})
        for one in read:
            assert one.datetime_start is not None
            assert (one.datetime_complete is None) == (one.state == TrialState.RUNNING)


def optunas(where, directory):
    """The trials as Optuna itself reads them."""
    if where.where == "journal":
        storage = JournalStorage(JournalFileBackend(str(directory / "optuna.journal")))
        return optuna.load_study(study_name=where.study, storage=storage).trials
    url = where.where.replace("postgresql:", "postgresql+psycopg:")
    storage = RDBStorage(url if where.is_server else f"sqlite:///{directory / 'optuna.db'}")
    found = optuna.load_study(study_name=where.study, storage=storage).trials
    storage.engine.dispose()
    return found
