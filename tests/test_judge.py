"""The judge: each metric of each member, on its own validation rows."""

import numpy as np
import pytest
import torch
from toys import Pretended, toy_sample

from raysearch import judge as module
from raysearch.detectors import Member
from raysearch.detectors.mlp import MLP
from raysearch.excess import cross_sic, template_rank
from raysearch.judge import Judge
from raysearch.metrics import max_sic, val_loss, val_sic
from raysearch.objectives import CHANCE, CROSS_SIC, MAX_SIC, SIC_AREA, VAL_LOSS
from raysearch.training import memory

SAMPLE = toy_sample()
# Rows at random, so that no two members judge the same classes.
MEMBERS = [
    Member(order[:1000], order[1000:], seed)
    for seed, order in enumerate(np.random.default_rng(0).permuted([np.arange(2000)] * 2, axis=1))
]


def first_feature(members=MEMBERS):
    return Pretended([(lambda member, epoch, x: x[:, 0], member, 0) for member in members])


def test_the_values_are_those_of_the_metrics_on_validation_rows():
    values = Judge(SAMPLE, MEMBERS).values(first_feature())
    for k, member in enumerate(MEMBERS):
        classes = SAMPLE.rows.is_data[member.validation]
        scores = SAMPLE.rows.features[member.validation, 0]
        assert values["val_sic"][k] == val_sic(classes, scores)
        assert values["val_loss"][k] == val_loss(classes, scores)
        assert values["max_sic"][k] == max_sic(SAMPLE.test_is_signal, SAMPLE.test[:, 0])


def test_only_the_objective_asked_for_is_computed():
    assert list(Judge(SAMPLE, MEMBERS, only=VAL_LOSS).values(first_feature())) == ["val_loss"]
    assert list(Judge(SAMPLE, MEMBERS, only=MAX_SIC).values(first_feature())) == ["max_sic"]


def test_a_supervised_objective_without_test_has_no_value():
    judge = Judge(toy_sample(test=None), MEMBERS, only=MAX_SIC)
    assert not judge.values(first_feature())


def test_validation_rows_of_unequal_number_are_cut_to_the_fewest():
    members = [MEMBERS[0], Member(MEMBERS[1].train, MEMBERS[1].validation[:-1], 1)]
    values = Judge(SAMPLE, members).values(first_feature(members))
    rows = MEMBERS[0].validation[:-1]
    expected = val_loss(SAMPLE.rows.is_data[rows], SAMPLE.rows.features[rows, 0])
    assert np.isclose(values["val_loss"][0], expected)


def test_of_halves_that_swap_a_pooled_metric_has_one_value_of_all_rows():
    even, odd = np.arange(0, 2000, 2), np.arange(1, 2000, 2)
    members = [Member(odd, even, 0), Member(even, odd, 1), Member(odd, even, 2)]
    # The second fit has another scale, which ranks among its own template do not know.
    scales = (1.0, 100.0, 1.0)
    snapshot = Pretended([(lambda m, e, x: scales[m.seed] * x[:, 0], m, 0) for m in members])
    found = Judge(SAMPLE, members, also=[CROSS_SIC], swap=True).values(snapshot)["cross_sic"]
    ranks = np.zeros(2000, np.float32)
    for rows in (even, odd):
        own, is_data = SAMPLE.rows.features[rows, 0], SAMPLE.rows.is_data[rows]
        ranks[rows] = template_rank(own, own[~is_data])
    assert found[0] == found[1] == cross_sic(SAMPLE.rows.is_data, ranks)
    # The third has no second half.
    assert found[2] == cross_sic(SAMPLE.rows.is_data[even], SAMPLE.rows.features[even, 0])
    alone = Judge(SAMPLE, members, also=[CROSS_SIC]).values(snapshot)["cross_sic"]
    assert alone[0] == found[2] != alone[1]


def test_chance_is_val_sic_of_classes_that_the_seeds_permute():
    judges = [Judge(SAMPLE, MEMBERS, also=[CHANCE], seeds=seeds) for seeds in ((1, 2), (1, 3))]
    first, other = (judge.values(first_feature()) for judge in judges)
    assert (first[CHANCE.name] < 0.5 * first["val_sic"]).all()
    assert first[CHANCE.name][0] == other[CHANCE.name][0]
    assert first[CHANCE.name][1] != other[CHANCE.name][1]
    np.testing.assert_array_equal(first["val_sic"], other["val_sic"])


class Accelerated:
    """Networks that score as on an accelerator, here on the CPU."""

    def __init__(self, snapshot, calls):
        self.snapshot, self.calls, self.device = snapshot, calls, snapshot.device

    def logits(self, features):
        self.calls.append(features.data_ptr())
        return self.snapshot.logits(features)

    def take(self, members):
        return Accelerated(self.snapshot.take(members), self.calls)


@pytest.fixture
def accelerated(monkeypatch):
    monkeypatch.setattr(module, "on_accelerator", lambda s: isinstance(s, Accelerated))


@pytest.fixture(scope="module")
def networks():
    """Three trials of two members each."""
    parameters = [{"width": 8, "layers": 1}] * 6
    return next(MLP.fit(SAMPLE.rows, [*MEMBERS] * 3, parameters, epochs=1))


def check_equal(found, expected):
    for own, other in zip(found, expected, strict=True):
        assert list(own) == list(other)
        for name, values in own.items():
            np.testing.assert_allclose(values, other[name], rtol=1e-3)


@pytest.mark.parametrize("at_once", [1, 4, 1000])
def test_an_accelerator_judges_many_trials_in_one_pass_as_the_host_does(
    at_once, accelerated, networks, monkeypatch
):
    monkeypatch.setattr(memory, "members_judged_at_once", lambda scored: at_once)
    judge, calls = Judge(SAMPLE, MEMBERS), []
    found = [judge.of_trials(Accelerated(networks, calls), 3) for _ in range(2)]
    for of_epoch in found:
        check_equal(of_epoch, judge.of_trials(networks, 3))
    passes = {1: 3, 4: 2, 1000: 1}[at_once]
    # Two questions, two epochs, and each question's features are moved once.
    assert len(calls) == 2 * 2 * passes
    assert len(set(calls)) == 2


def test_an_accelerator_judges_what_somebody_asks_for_as_the_host_does(accelerated, networks):
    judge = Judge(SAMPLE, MEMBERS, also=[CROSS_SIC, SIC_AREA, CHANCE], seeds=(1, 2), swap=True)
    check_equal(judge.of_trials(Accelerated(networks, []), 3), judge.of_trials(networks, 3))


def test_a_member_that_diverged_fails_its_own_trial_alone(accelerated, networks):
    judge = Judge(SAMPLE, MEMBERS)
    expected = judge.of_trials(networks, 3)
    broken = networks.take(range(6))
    broken.networks.parameters[3] = torch.nan
    for snapshot in (broken, Accelerated(broken, [])):
        first, second, third = judge.of_trials(snapshot, 3)
        assert isinstance(second, ValueError)
        check_equal([first, third], [expected[0], expected[2]])
