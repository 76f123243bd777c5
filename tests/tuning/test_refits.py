"""How final ensembles are divided into tasks, without Ray."""

import numpy as np
import pytest
from toys import QUICK, toy_sample

from raysearch.objectives import VAL_SIC
from raysearch.refit import combine, refit
from raysearch.trial import Setup
from raysearch.tuning import refits
from raysearch.tuning.refits import Winner, members_per_task


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
    monkeypatch.setattr(refits, "kernel", lambda: object() if compiled else None)
    assert members_per_task(setup(name), gpus) == members


def test_the_ensemble_does_not_depend_on_the_tasks():
    sample = toy_sample(n_data=300, n_template=300, n_signal=60)
    winner = Winner(3, setup("hgb"), "val_sic")
    alone, together = (
        combine(
            winner.setup,
            [
                refit(winner.setup, sample, members, VAL_SIC)
                for members in refits._parts(sample.rows.is_data, winner, 1, per_task)
            ],
        )
        for per_task in (1, 5)
    )
    assert alone.members == together.members
    np.testing.assert_allclose(alone.rows, together.rows, rtol=1e-12)
    np.testing.assert_allclose(alone.test, together.test, rtol=1e-12)
