"""The figure of f: the columns with which it varies most are found and drawn."""

import numpy as np
from nplm_toys import points

from raysearch.nplm.chain import run_chain
from raysearch.nplm.learned import log_ratio, varying_most
from raysearch.nplm.question import Question
from raysearch.nplm.settings import NplmSettings
from raysearch.nplm.work import serial


def test_the_columns_of_f_are_found():
    x = np.random.default_rng(0).normal(size=(5000, 4))
    weights = np.ones(5000)
    assert varying_most(x, 3 * np.sin(2 * x[:, 2]) + x[:, 1] ** 2, weights) == (2, 1)
    # Of events with weight 0 nothing is seen.
    heavy = (x[:, 3] > 0).astype(float)
    assert varying_most(x, np.where(heavy, x[:, 0] + x[:, 1] / 2, 9 * x[:, 3]), heavy) == (0, 1)


def test_a_bump_is_drawn_where_it_is(tmp_path):
    rng = np.random.default_rng(1)
    bump = rng.normal(size=(40, 3)) * [0.2, 1, 0.2] + [1.5, 0, -1.5]
    samples = {
        "data": points(np.concatenate([rng.normal(size=(300, 3)), bump])),
        "reference": points(rng.normal(size=(3000, 3))),
    }
    settings = NplmSettings(toys=20, sigmas=(1.0,), centres=60)
    done = run_chain(Question(samples, settings), tmp_path, serial, lambda line: None)
    figure = log_ratio(*done)
    panel = figure.axes[3]
    assert {panel.get_xlabel(), panel.get_ylabel()} == {"x0", "x2"}
    mesh = panel.collections[0].get_array()
    row, column = np.unravel_index(np.nanargmax(mesh.filled(np.nan)), mesh.shape)
    at = dict(zip((panel.get_xlabel(), panel.get_ylabel()), (column, row), strict=True))
    assert at["x0"] > 20 > at["x2"]
