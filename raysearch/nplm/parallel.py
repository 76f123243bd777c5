"""Batches of toys as Ray tasks. The only module of this room that knows Ray."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import ray

from raysearch.imported import is_found_nowhere_else
from raysearch.nplm.arrays import Floats
from raysearch.nplm.work import Batch, Job, Runner, batch_values
from raysearch.progress import Halt, never

# A worker that is done takes its next batch without asking this process, which may be busy.
_IN_FLIGHT_PER_CPU = 8
# However small the cluster is: what waits is what an autoscaler starts nodes for.
_FEWEST_IN_FLIGHT = 64
_LOOK_EVERY_S = 0.25
_RETRIES = 5


def ray_runner(
    gpus_per_task: float = 0.0,
    functions: Iterable[Callable[..., Any]] = (),
    halt: Halt = never,
) -> Runner:
    """A runner over the cluster this process is connected to.

    Args:
        gpus_per_task: share of a GPU for each batch.
        functions: of a user's, which toys call; where workers cannot import their module, it goes
            with them, but not what else it imports.
        halt: see `run_tasks`.
    """
    for module in {getattr(function, "__module__", "") for function in functions}:
        if is_found_nowhere_else(module):
            ray.cloudpickle.register_pickle_by_value(sys.modules[module])

    def run(jobs: Iterable[Job]) -> Iterator[tuple[Batch, Floats]]:
        return run_tasks(batch_values, jobs, gpus_per_task, halt)

    return run


def run_tasks(
    function: Callable[[Any, Batch], Floats],
    jobs: Iterable[tuple[Any, Batch]],
    gpus_per_task: float = 0.0,
    halt: Halt = never,
) -> Iterator[tuple[Batch, Floats]]:
    """Results of the function for each job, as they come.

    A batch whose worker dies runs again elsewhere. Closing the iterator cancels what is left.

    Args:
        function: of the shared object and a batch.
        jobs: shared objects, each put into the object store once for all jobs in a row that have
            it, and batches of toys.
        gpus_per_task: share of a GPU for each batch.
        halt: asked all the time whether to end early.

    Raises:
        KeyboardInterrupt: if `halt` ended it, as Ctrl-C does.
    """
    remote = ray.remote(num_cpus=1, num_gpus=gpus_per_task, max_retries=_RETRIES)(function)
    waiting = _in_store(jobs)
    pending: dict[ray.ObjectRef[Floats], Batch] = {}
    try:
        while not halt():
            for reference, batch in islice(waiting, max(0, _most_in_flight() - len(pending))):
                pending[remote.remote(reference, batch)] = batch
            if not pending:
                return
            ready, _ = ray.wait(list(pending), num_returns=len(pending), timeout=_LOOK_EVERY_S)
            for done in ready:
                yield pending.pop(done), ray.get(done)
        raise KeyboardInterrupt
    finally:
        for left in pending:
            ray.cancel(left, force=False)


def _in_store(jobs: Iterable[tuple[Any, Batch]]) -> Iterator[tuple[Any, Batch]]:
    """The jobs with references in place of what they share."""
    # An object leaves the store when neither this nor a task refers to it.
    held, reference = object(), None
    for shared, batch in jobs:
        if shared is not held:
            held, reference = shared, ray.put(shared)
        yield reference, batch


def _most_in_flight() -> int:
    """Asked again and again: the cluster may grow while toys are made."""
    return max(_FEWEST_IN_FLIGHT, _IN_FLIGHT_PER_CPU * int(ray.cluster_resources().get("CPU", 0)))
