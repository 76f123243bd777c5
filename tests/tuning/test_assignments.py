"""What a worker makes of a batch, without Ray."""

import pickle

import numpy as np
import pytest
from toys import toy_sample

from raysearch.trial import Setup, TrialPack, TrialResult, run_trial
from raysearch.tuning.assignments import Assignment, run_assignments
from raysearch.tuning.halving import AlwaysOn, Cutoffs

SAMPLE = toy_sample()
HGB = Setup("idealised", "baseline", "hgb", {"max_iter": 3})


def rising(member, epoch, features):
    """Scores that separate the signal better from epoch to epoch."""
    noise = np.random.default_rng([epoch, 5]).normal(size=len(features))
    return features[:, 0] * epoch + noise


def ends(*assignments):
    return list(run_assignments(assignments, SAMPLE, 2, 7))


def test_a_trial_of_a_batch_is_the_trial_alone():
    both = ends(Assignment(4, HGB, AlwaysOn()), Assignment(9, HGB, AlwaysOn()))
    assert [end.index for end in both] == [4, 9]
    for end in both:
        alone = run_trial(HGB, SAMPLE, repeats=2, seed=7, index=end.index)
        assert end.record.state == "COMPLETE"
        assert end.record.metrics == {k: v.tolist() for k, v in alone.values.items()}


def test_one_that_raises_fails_with_its_reason_and_costs_no_other():
    bad = HGB._replace(parameters={"max_bins": 1})
    first, second = ends(Assignment(0, bad, AlwaysOn()), Assignment(1, HGB, AlwaysOn()))
    assert first.record.state == "FAIL"
    assert "max_bins" in first.record.error
    assert second.record.state == "COMPLETE"


def test_a_metric_that_is_not_finite_fails(monkeypatch):
    def broken(self):
        return {0: TrialResult({"val_sic": np.array([1.0, np.nan])}, 1, 0.1, True)}

    monkeypatch.setattr("raysearch.trial.TrialPack.step", broken)
    (end,) = ends(Assignment(0, HGB, AlwaysOn()))
    assert end.record.state == "FAIL"
    assert "val_sic must be finite, but is nan after 1 epochs" in end.record.error
    assert end.course == {}


def networks(**parameters):
    small = {"width": 8, "layers": 1, "batch_size": 100}
    return Setup("idealised", "baseline", "mlp", {**small, **parameters})


def test_trials_of_a_pack_end_as_they_would_alone():
    setups = [networks(), networks(learning_rate=1e30), HGB, networks(dropout=0.2)]
    rules = [AlwaysOn(), AlwaysOn(), AlwaysOn(), Cutoffs("val_sic", 1, {3: 1e9})]
    batch = [Assignment(i, *pair) for i, pair in enumerate(zip(setups, rules, strict=True))]
    together, alone = (
        {end.index: end for end in run_assignments(batch, SAMPLE, 2, 7, capacity)}
        for capacity in (4, 1)
    )
    states = [together[i].record.state for i in range(4)]
    assert states == ["COMPLETE", "FAIL", "COMPLETE", "PRUNED"]
    for index, end in alone.items():
        packed = together[index].record
        assert packed._replace(seconds=0, metrics={}) == end.record._replace(seconds=0, metrics={})
        for name, values in end.record.metrics.items():
            np.testing.assert_allclose(packed.metrics[name], values, rtol=1e-3)


def test_a_pack_that_fails_as_a_whole_is_run_one_by_one(monkeypatch):
    class Fragile(TrialPack):
        def step(self):
            if len(self.living) > 1 and self._epoch == 2:
                raise MemoryError("too large a pack")
            return super().step()

    monkeypatch.setattr("raysearch.tuning.assignments.TrialPack", Fragile)
    batch = [Assignment(i, networks(), AlwaysOn()) for i in range(2)]
    found = list(run_assignments(batch, SAMPLE, 1, 7, 2))
    assert [(end.record.state, len(end.course["val_sic"])) for end in found] == [
        ("COMPLETE", 20)
    ] * 2


@pytest.mark.parametrize(("at", "epochs", "state"), [({3: 1e9}, 3, "PRUNED"), ({6: 1e9}, 6, None)])
def test_a_rule_ends_a_trial_between_two_epochs_but_not_after_its_last(pretend, at, epochs, state):
    pretend(rising, epochs=6)
    setup = Setup("idealised", "baseline", "pretender", {})
    (end,) = ends(Assignment(0, setup, Cutoffs("val_sic", 1, at)))
    assert (end.record.state, end.record.epochs) == (state or "COMPLETE", epochs)
    assert len(end.course["val_sic"]) == epochs
    assert np.mean(end.record.metrics["val_sic"]) == pytest.approx(end.course["val_sic"][-1])


def test_assignments_and_ends_can_be_sent():
    assignment = Assignment(0, HGB, Cutoffs("val_sic", 1, {5: 0.1}))
    assert pickle.loads(pickle.dumps(assignment)) == assignment
    (end,) = ends(assignment)
    assert pickle.loads(pickle.dumps(end)) == end
