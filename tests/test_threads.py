"""One thread for torch and for numpy's products, whatever the environment asks for."""

import numpy as np
import pytest
import torch
from threadpoolctl import ThreadpoolController, threadpool_info

from raysearch.nplm.pool import Draw
from raysearch.nplm.work import Batch, Work, batch_values
from raysearch.threads import one_thread


def blas():
    return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with ThreadpoolController().limit(limits=2, user_api="blas"):
        yield
    torch.set_num_threads(before)


def test_within_the_block_there_is_one_and_after_it_as_many_as_before(two_threads):
    with one_thread():
        assert (torch.get_num_threads(), blas()) == (1, {1})
    assert (torch.get_num_threads(), blas()) == (2, {2})


class Counting:
    """A statistic that tells how many threads it is made with."""

    pool = None

    def parts(self, draws):
        return np.array([[torch.get_num_threads(), *blas()]])


def test_toys_are_made_with_one(two_threads, monkeypatch):
    nothing = np.zeros(0)
    monkeypatch.setattr("raysearch.nplm.work.draw_toy", lambda *_: Draw(*4 * (nothing,), 0))
    assert batch_values(Work(Counting()), Batch(None, (1,))).tolist() == [[1, 1]]
