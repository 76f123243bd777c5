"""How final ensembles are divided into tasks, without Ray."""

import numpy as np
import pytest
import ray
from toys import QUICK, toy_sample, with_verdict

from raysearch.objectives import VAL_SIC
from raysearch.refit import combine
from raysearch.training import kernel
from raysearch.trial import Setup
from raysearch.tuning import refits
from raysearch.tuning.refits import Winner, members_per_task
from raysearch.verdict import Opinion, Retrained, joined, retrain


def setup(name):
    return Setup("idealised", "baseline", name, QUICK[name])


@pytest.mark.parametrize(
    ("name", "gpus", "compiled", "members"),
    [
        ("hgb", 0.0, False, 1),
        ("hgb", 0.5, True, 1),
        ("mlp", 0.0, True, 1),
        ("mlp", 0.0, False, 5),
        ("mlp", 0.5, True, 5),
    ],
)
def test_members_share_a_task_only_where_company_makes_them_faster(
    name, gpus, compiled, members, monkeypatch
):
    monkeypatch.setattr(kernel, "kernel", lambda: object() if compiled else None)
    assert members_per_task(setup(name), gpus) == members


@pytest.fixture(scope="module")
def sample():
    return with_verdict(toy_sample(n_data=300, n_template=300, n_signal=60))


def made(sample, winner, per_task):
    """The ensemble and the verdict from tasks of so many members."""
    parts = [
        retrain(winner.setup, sample, members, VAL_SIC, asked)
        for members, asked in refits._parts(sample, winner, 1, per_task)
    ]
    found = [part.refit for part in parts if part.refit]
    return combine(winner.setup, found), joined([p.opinion for p in parts if p.opinion])


def test_neither_the_ensemble_nor_the_verdict_depends_on_the_tasks(sample):
    winner = Winner(3, setup("hgb"), "val_sic", is_asked=True)
    (alone, verdict), (together, again) = (made(sample, winner, size) for size in (1, 5))
    assert alone.members == together.members
    np.testing.assert_allclose(alone.rows, together.rows, rtol=1e-12)
    np.testing.assert_allclose(alone.test, together.test, rtol=1e-12)
    np.testing.assert_allclose(verdict, again, rtol=1e-12)


@pytest.mark.parametrize(("per_task", "tasks"), [(1, [(1, 0)] * 5 + [(0, 1)] * 2), (5, [(5, 2)])])
def test_verdict_members_join_the_others_where_company_makes_them_faster(per_task, tasks, sample):
    winner = Winner(3, setup("mlp"), "val_sic", 5, is_asked=True)
    parts = list(refits._parts(sample, winner, 1, per_task))
    assert [(len(members), len(asked)) for members, asked in parts] == tasks
    silent = winner._replace(is_asked=False)
    assert all(not asked for _, asked in refits._parts(sample, silent, 1, per_task))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_setup_that_is_a_winner_and_a_contender_is_trained_once_and_asked(order):
    winner = Winner(3, setup("mlp"), "val_sic")
    both = [winner, winner._replace(members=5, is_asked=True)]
    (found,) = refits._distinct(both[k] for k in order).values()
    assert found.is_asked


def test_a_verdict_outlives_the_ensemble_and_the_other_way_round():
    opinion = Opinion(np.array([1.0, 3.0]), 2, 4.0)
    ended = refits._result(setup("hgb"), [Retrained("diverged", None), Retrained(None, opinion)])
    assert ended.final == "diverged"
    np.testing.assert_array_equal(ended.verdict, [0.5, 1.5])
    assert ended.seconds == 4.0
    ended = refits._result(setup("hgb"), [Retrained("diverged", None), Retrained(None, "lost")])
    assert ended == ("diverged", "lost", 0)


@pytest.mark.parametrize(("has_members", "is_asked"), [(True, False), (False, True), (True, True)])
def test_a_lost_task_costs_only_what_it_was_training(has_members, is_asked, monkeypatch):
    def lose(result):
        raise ray.exceptions.RayError("its worker died")

    monkeypatch.setattr(ray, "get", lose)
    refit, opinion = refits._of_task(refits._Task(None, has_members, is_asked))
    assert (refit is None, opinion is None) == (not has_members, not is_asked)
    assert "its worker died" in {refit, opinion}
