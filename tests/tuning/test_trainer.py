"""The gathering trainer, as plain Python: Ray only carries its calls."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
from ray.exceptions import ObjectLostError
from toys import VIEW, toy_sample

from raysearch.errors import InputError
from raysearch.trial import Setup, run_trial
from raysearch.tuning import trainer as module
from raysearch.tuning.trainer import NotBegunError, Trainer

SMALL = {"width": 8, "layers": 1, "batch_size": 100}


def setup(detector="mlp", **parameters):
    return Setup("idealised", "baseline", detector, {**SMALL, **parameters})


@dataclass(frozen=True)
class Trials:
    """How trials are run, as a task says it."""

    repeats: int
    capacity: int
    seed: int = 1
    objective: str = "val_sic"
    also: tuple[str, ...] = ()

    def capacity_of(self, setup, sample):
        return self.capacity

    def rungs(self, family):
        return ()


@pytest.fixture(scope="module")
def sample():
    return toy_sample()


@pytest.fixture
def packs(monkeypatch):
    """The trials of each pack that is begun."""
    begun, make = [], module.TrialPack

    def remember(setups, *arguments, **keywords):
        begun.append(sorted(setups))
        return make(setups, *arguments, **keywords)

    monkeypatch.setattr(module, "TrialPack", remember)
    return begun


def run(trainer, index, setup, epochs=None, owner="me"):
    trainer.begin(index, owner, setup)
    result = trainer.advance(index, owner)
    while not result.finished and result.epochs != epochs:
        result = trainer.advance(index, owner)
    trainer.end(index, owner)
    return result


def run_together(trainer, setups, **stopped):
    with ThreadPoolExecutor(len(setups)) as pool:
        futures = {
            index: pool.submit(run, trainer, index, own, stopped.get(f"at_{index}"))
            for index, own in setups.items()
        }
        return {index: future.result() for index, future in futures.items()}


def test_trials_that_wait_together_are_one_pack_and_come_out_as_alone(sample, packs):
    trainer = Trainer({VIEW: sample}, Trials(repeats=2, capacity=3))
    setups = {4: setup(), 5: setup(learning_rate=1e-2), 6: setup(batch_size=64, dropout=0.2)}
    found = run_together(trainer, setups)
    assert packs == [[4, 5, 6]]
    for index, own in setups.items():
        alone = run_trial(own, sample, repeats=2, seed=1, index=index)
        for name, values in alone.values.items():
            np.testing.assert_allclose(found[index].values[name], values, rtol=1e-3)


def test_a_trial_stopped_early_leaves_its_pack_and_another_shape_its_own(sample, packs):
    trainer = Trainer({VIEW: sample}, Trials(repeats=1, capacity=3))
    setups = {0: setup(), 1: setup(), 2: setup(width=4)}
    found = run_together(trainer, setups, at_1=3)
    assert [found[index].epochs for index in (0, 1, 2)] == [20, 3, 20]
    assert sorted(packs) == [[0, 1], [2]]


def test_a_trial_that_fails_fails_alone(sample):
    trainer = Trainer({VIEW: sample}, Trials(repeats=1, capacity=2))
    good, bad = setup(), setup(learning_rate=1e30)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(run, trainer, index, own) for index, own in enumerate((good, bad))]
    assert futures[0].result().finished
    with pytest.raises(ValueError, match="finite"):
        futures[1].result()


def test_a_pack_that_fails_as_a_whole_is_trained_one_by_one(sample, monkeypatch):
    class Fragile(module.TrialPack):
        def step(self):
            if len(self.living) > 1 and self._epoch == 2:
                raise MemoryError("too large a pack")
            return super().step()

    monkeypatch.setattr(module, "TrialPack", Fragile)
    trainer = Trainer({VIEW: sample}, Trials(repeats=1, capacity=2))
    setups = {0: setup(), 1: setup(learning_rate=1e-2)}
    found = run_together(trainer, setups)
    for index, own in setups.items():
        alone = run_trial(own, sample, repeats=1, seed=1, index=index)
        np.testing.assert_allclose(found[index].values["val_sic"], alone.values["val_sic"])


@pytest.mark.parametrize(
    "lost", [LookupError("lost"), ObjectLostError("01" * 28, "here", "it is lost")]
)
def test_where_the_events_cannot_be_had_each_trial_is_told_so(lost):
    class Lost(dict):
        def __getitem__(self, view):
            raise lost

    trainer = Trainer(Lost(), Trials(repeats=1, capacity=2))
    for index in (3, 1):
        trainer.begin(index, "a", setup())
    for index in (1, 3):
        with pytest.raises(type(lost), match="lost"):
            trainer.advance(index, "a")


def test_a_fault_of_packing_is_told_to_all_that_wait_and_the_next_are_trained(
    sample, packs, monkeypatch
):
    make, calls = module.packs, []

    def broken(setups, capacity):
        calls.append(sorted(setups))
        if len(calls) == 1:
            raise ZeroDivisionError("no room")
        return make(setups, capacity)

    monkeypatch.setattr(module, "packs", broken)
    monkeypatch.setattr(module, "_GATHER_S", 1.0)
    trainer = Trainer({VIEW: sample}, Trials(repeats=1, capacity=2))
    for index in (0, 1):
        trainer.begin(index, "me", setup())
    for index in (0, 1):
        with pytest.raises(ZeroDivisionError, match="no room"):
            trainer.advance(index, "me")
    assert run(trainer, 2, setup()).finished
    assert (calls, packs) == ([[0, 1], [2]], [[2]])


def test_what_cannot_be_trained_is_refused_at_once(sample):
    trainer = Trainer({VIEW: sample}, Trials(repeats=1, capacity=2))
    with pytest.raises(InputError, match="dropout < 1"):
        trainer.begin(0, "me", setup(dropout=2.0))
    with pytest.raises(NotBegunError, match="must begin"):
        trainer.advance(0, "me")


def test_a_trial_whose_process_died_does_not_stop_its_pack(sample, packs, monkeypatch):
    monkeypatch.setattr("raysearch.tuning.trainer._PATIENCE_S", 0.01)
    trainer = Trainer({VIEW: sample}, Trials(repeats=1, capacity=2))
    trainer.begin(0, "dead", setup())  # and never asks for a result
    assert run(trainer, 1, setup()).finished
    assert packs == [[0, 1]]


def test_a_trial_that_is_begun_again_starts_anew_and_its_first_try_ends(sample):
    trainer = Trainer({VIEW: sample}, Trials(repeats=1, capacity=1))
    trainer.begin(0, "first", setup())
    assert trainer.advance(0, "first").epochs == 1
    trainer.begin(0, "second", setup())
    assert trainer.advance(0, "second").epochs == 1
    with pytest.raises(NotBegunError):
        trainer.advance(0, "first")
    trainer.end(0, "first")
    assert trainer.advance(0, "second").epochs == 2


def test_one_who_waits_for_a_try_that_is_replaced_or_ended_is_told_so(sample, monkeypatch):
    monkeypatch.setattr(module, "_GATHER_S", 60.0)  # nothing is trained meanwhile
    trainer = Trainer({VIEW: sample}, Trials(repeats=1, capacity=9))
    with ThreadPoolExecutor(2) as pool:
        for index, leave in enumerate((lambda: trainer.begin(0, "second", setup()), trainer.end)):
            trainer.begin(index, "first", setup())
            waiting = pool.submit(trainer.advance, index, "first")
            leave(*[1, "first"][: 2 * index])
            with pytest.raises(NotBegunError):
                waiting.result(timeout=10)
