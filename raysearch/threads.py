"""One thread per task: the cores belong to the tasks that run side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch and the BLAS of numpy on one thread, whatever the environment asks for.

    Ray sets OMP_NUM_THREADS for its workers only where the user has not.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with _controller().limit(limits=1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(threads)


@cache
def _controller() -> ThreadpoolController:
    # Looking through the loaded libraries takes as long as a small toy, hence once; the BLAS of
    # numpy has come with torch, that of scipy makes no toys.
    return ThreadpoolController()
