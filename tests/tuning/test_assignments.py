"""What a worker makes of a batch, without Ray."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from toys import VIEW, toy_sample

from raysearch.racing import Race, Rule, Rung, as_news, ladder
from raysearch.samples import View
from raysearch.seeds import number
from raysearch.trial import Setup, TrialPack, TrialResult, run_trial
from raysearch.tuning.assignments import Assignment, run_assignments

SAMPLE = toy_sample()
HGB = Setup("idealised", "baseline", "hgb", {"max_iter": 3})


def rising(member, epoch, features):
    """Scores that separate the signal better from epoch to epoch."""
    noise = np.random.default_rng([epoch, 5]).normal(size=len(features))
    return features[:, 0] * epoch + noise


@dataclass(frozen=True)
class Trials:
    """How trials are run, as a task says it."""

    repeats: int = 2
    seed: int = 7
    objective: str = "val_sic"
    capacity: int = 1
    also: tuple[str, ...] = ()
    steps: tuple[Rung, ...] = ()

    def capacity_of(self, setup, sample):
        return self.capacity

    def rungs(self, family):
        return self.steps


def ends(*assignments, **how):
    return list(run_assignments(assignments, {VIEW: SAMPLE}, Trials(**how)))


def hopeless(rung):
    """A rule by which nobody goes on at this rung."""
    return Rule("max", {rung: (1e9, 1e9, 1e9)})


def test_a_trial_of_a_batch_is_the_trial_alone():
    both = ends(Assignment(4, HGB), Assignment(9, HGB))
    assert [end.index for end in both] == [4, 9]
    for end in both:
        alone = run_trial(HGB, SAMPLE, repeats=2, seed=7, index=end.index)
        assert end.record.state == "COMPLETE"
        assert end.record.metrics == {k: v.tolist() for k, v in alone.values.items()}


def test_one_that_raises_fails_with_its_reason_and_costs_no_other():
    bad = HGB._replace(parameters={"max_bins": 1})
    first, second = ends(Assignment(0, bad), Assignment(1, HGB))
    assert first.record.state == "FAIL"
    assert "max_bins" in first.record.error
    assert second.record.state == "COMPLETE"


def test_a_metric_that_is_not_finite_fails(monkeypatch):
    def broken(self):
        return {0: TrialResult({"val_sic": np.array([1.0, np.nan])}, 1, 0.1, True)}

    monkeypatch.setattr("raysearch.trial.TrialPack.step", broken)
    (end,) = ends(Assignment(0, HGB))
    assert end.record.state == "FAIL"
    assert "val_sic must be finite, but is nan after 1 epochs" in end.record.error
    assert end.reached == {}


def networks(**parameters):
    small = {"width": 8, "layers": 1, "batch_size": 100}
    return Setup("idealised", "baseline", "mlp", {**small, **parameters})


def test_trials_of_a_pack_end_as_they_would_alone():
    setups = [networks(), networks(learning_rate=1e30), HGB, networks(dropout=0.2)]
    batch = [Assignment(i, setup) for i, setup in enumerate(setups)]
    together, alone = ({e.index: e for e in ends(*batch, capacity=c)} for c in (4, 1))
    assert [together[i].record.state for i in range(4)] == ["COMPLETE", "FAIL", *["COMPLETE"] * 2]
    for index, end in alone.items():
        packed = together[index].record
        assert packed._replace(seconds=0, metrics={}) == end.record._replace(seconds=0, metrics={})
        for name, values in end.record.metrics.items():
            np.testing.assert_allclose(packed.metrics[name], values, rtol=1e-3)


def test_each_trial_is_trained_on_the_sample_of_its_mode_and_features():
    other, view = toy_sample(seed=8, d=5), View("cwola", "baseline_dr")
    batch = [
        Assignment(0, HGB),
        Assignment(1, HGB._replace(mode=view.mode, features=view.features)),
    ]
    found = {
        e.index: e.record for e in run_assignments(batch, {VIEW: SAMPLE, view: other}, Trials())
    }
    for index, sample in enumerate((SAMPLE, other)):
        alone = run_trial(HGB, sample, repeats=2, seed=7, index=index)
        assert found[index].metrics == {k: v.tolist() for k, v in alone.values.items()}


def test_trials_at_one_rung_are_judged_together(pretend):
    strength = {number(7, "trial", i, "repeat", 0): i for i in range(4)}
    noise = np.random.default_rng(3).normal(size=4000)
    pretend(lambda m, e, x: strength[m.seed] * x.sum(axis=1) + 9 * noise[: len(x)], epochs=4)
    setup = Setup("idealised", "baseline", "pretender", {})
    batch = [Assignment(i, setup, Rule("max")) for i in range(4)]
    rung = Rung(1, 2, 0.5)
    found = {e.index: e for e in ends(*batch, repeats=1, capacity=4, steps=(rung, Rung(1, None)))}
    reached = np.array([found[i].reached[rung] for i in range(4)])
    stopped = {i for i, end in found.items() if end.record.state == "PRUNED"}
    assert {found[i].record.epochs for i in stopped} == {2}
    assert stopped == set(np.flatnonzero(reached < np.sort(reached)[2]).tolist())
    assert len(stopped) == 2


def test_a_pack_that_fails_as_a_whole_is_run_one_by_one(monkeypatch):
    class Fragile(TrialPack):
        def step(self):
            if len(self.living) > 1 and self._epoch == 2:
                raise MemoryError("too large a pack")
            return super().step()

    monkeypatch.setattr("raysearch.tuning.assignments.TrialPack", Fragile)
    found = ends(*(Assignment(i, networks()) for i in range(2)), repeats=1, capacity=2)
    assert [(end.record.state, end.record.epochs) for end in found] == [("COMPLETE", 20)] * 2


STEPS = (Rung(1, 3, 0.5), Rung(1, None, 0.5), Rung(2, None))


@pytest.mark.parametrize(
    ("rung", "state", "epochs", "repeats"),
    [
        (STEPS[0], "PRUNED", 3, 1),
        (STEPS[1], "PRUNED", 6, 1),
        # A trial that has trained to its end is over before a rule may end it.
        (STEPS[2], "COMPLETE", 6, 2),
    ],
)
def test_a_rule_ends_a_trial_at_a_rung(pretend, rung, state, epochs, repeats):
    pretend(rising, epochs=6)
    setup = Setup("idealised", "baseline", "pretender", {})
    (end,) = ends(Assignment(0, setup, hopeless(rung)), steps=STEPS)
    assert (end.record.state, end.record.epochs) == (state, epochs)
    assert len(end.record.metrics["val_sic"]) == repeats
    assert list(end.reached) == list(STEPS[: 1 + STEPS.index(rung)])[:2]
    assert end.record.reached == as_news(end.reached)
    last = list(end.reached.values())[-1]
    assert last == pytest.approx(np.mean(end.record.metrics["val_sic"][:1]))


def test_assignments_and_ends_can_be_sent():
    race = Race("max")
    race.reached(3, ladder(10, 20)[0], 0.5)
    assignment = Assignment(0, HGB, race.rule())
    assert pickle.loads(pickle.dumps(assignment)) == assignment
    (end,) = ends(assignment)
    assert pickle.loads(pickle.dumps(end)) == end
