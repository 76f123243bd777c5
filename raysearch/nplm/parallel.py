"""Batches of toys as Ray tasks. The only module of this room that knows Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import ray

from raysearch.nplm.tensors import Floats
from raysearch.nplm.work import Batch, Work, batch_values

# A worker that is done takes its next batch without asking this process, which may be busy.
_IN_FLIGHT_PER_CPU = 8
# However small the cluster is: what waits is what an autoscaler starts nodes for.
_FEWEST_IN_FLIGHT = 64
_LOOK_EVERY_S = 0.25
_RETRIES = 5


def ray_runner(gpus_per_task: float = 0.0) -> Callable[..., Iterator[tuple[Batch, Floats]]]:
    """A runner over the cluster this process is connected to.

    Args:
        gpus_per_task: share of a GPU for each batch.
    """

    def run(work: Work, batches: Sequence[Batch]) -> Iterator[tuple[Batch, Floats]]:
        return run_tasks(batch_values, work, batches, gpus_per_task)

    return run


def run_tasks(
    function: Callable[[Any, Batch], Floats],
    shared: Any,
    batches: Sequence[Batch],
    gpus_per_task: float = 0.0,
) -> Iterator[tuple[Batch, Floats]]:
    """Results of the function for each batch, as they come.

    A batch whose worker dies runs again elsewhere. Closing the iterator cancels what is left.

    Args:
        function: of the shared object and a batch.
        shared: put into the object store once.
        batches: of toys.
        gpus_per_task: share of a GPU for each batch.
    """
    remote = ray.remote(num_cpus=1, num_gpus=gpus_per_task, max_retries=_RETRIES)(function)
    reference, waiting = ray.put(shared), iter(batches)
    pending: dict[ray.ObjectRef[Floats], Batch] = {}
    try:
        while True:
            for batch in islice(waiting, max(0, _most_in_flight() - len(pending))):
                pending[remote.remote(reference, batch)] = batch
            if not pending:
                return
            ready, _ = ray.wait(list(pending), num_returns=len(pending), timeout=_LOOK_EVERY_S)
            for done in ready:
                yield pending.pop(done), ray.get(done)
    finally:
        for left in pending:
            ray.cancel(left, force=False)


def _most_in_flight() -> int:
    """Asked again and again: the cluster may grow while toys are made."""
    return max(_FEWEST_IN_FLIGHT, _IN_FLIGHT_PER_CPU * int(ray.cluster_resources().get("CPU", 0)))
