"""The judge: each metric of each member, on its own validation rows."""

import numpy as np
from toys import Pretended, toy_sample

from raysearch.detectors import Member
from raysearch.judge import Judge
from raysearch.metrics import max_sic, val_loss, val_sic
from raysearch.objectives import MAX_SIC, VAL_LOSS

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
