"""One thread per fit: the cores belong to the trials and ensemble tasks that run side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module

from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep OpenMP to one thread within the block, whatever the environment asks for.

    Ray sets OMP_NUM_THREADS for its workers only where the user has not.
    """
    with _controller().limit(limits=1, user_api="openmp"):
        yield


@cache
def _controller() -> ThreadpoolController:
    # Looking through the loaded libraries takes as long as a small fit, hence once; scikit-learn's
    # own OpenMP must be among them by then.
    import_module("sklearn.ensemble")
    return ThreadpoolController()
