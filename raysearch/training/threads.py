"""Work of several members on several threads; the compiled kernel releases Python's lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch


def side_by_side(tasks: Sequence[Callable[[], None]]) -> None:
    """Run the tasks on as many threads as torch would use."""
    threads = min(torch.get_num_threads(), len(tasks))
    if threads == 1:
        for task in tasks:
            task()
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(task) for task in tasks]:
            done.result()
