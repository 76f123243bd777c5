"""Toys of the two-sample test as Ray tasks: many toys, their memory, workers, simulated nodes.

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_nplm_tasks.py [many] [workers] [nodes]
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import ray

from raysearch import nplm_test, surrogate_events
from raysearch.benchmarks.measurement import verdict
from raysearch.benchmarks.toys import Size, kernel_test
from raysearch.nplm.parallel import ray_runner, run_tasks
from raysearch.nplm.work import BATCH_TOYS, Batch, Work

REGION_TEV = (3.3, 3.7)


def many(toys: int = 10_000) -> None:
    """Minutes and memory of many toys on two cores: reference 200k, data 20k, d = 4, M = 1000."""
    pool = surrogate_events(440_000, 0, 1, REGION_TEV)
    data = surrogate_events(20_000, 0, 2, REGION_TEV)
    with tempfile.TemporaryDirectory() as folder, Watch() as watch:
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        began = time.monotonic()
        result = nplm_test(
            data,
            pool,
            draws="fixed",
            reference_size=200_000,
            centres=1000,
            penalty=1e-6,
            toys=toys,
            out=Path(folder, "t"),
            say=lambda line: None,
        )
        minutes = (time.monotonic() - began) / 60
        ray.shutdown()
    verdict(
        f"{result.toys} toys, all files written: {minutes:.1f} min of at most 12, "
        f"{watch.peak_gib:.2f} GiB of at most 4",
        minutes < 12 and watch.peak_gib < 4,
    )
    print(result.summary())


class Watch:
    """The largest proportional set size of this process and its children, in GiB."""

    def __enter__(self) -> Watch:
        """Begin to look every half second."""
        self.peak_gib, self._over = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop looking."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        me = psutil.Process()
        while not self._over.wait(0.5):
            total = sum(_pss(p) for p in [me, *me.children(recursive=True)])
            self.peak_gib = max(self.peak_gib, total / 2**30)


def _pss(process: psutil.Process) -> int:
    try:
        return process.memory_full_info().pss
    except psutil.Error:
        return 0


def workers(toys: int = 400, runs: int = 3) -> None:
    """How much faster two workers are than one, from the first toy to the last."""
    ratios = [_seconds(1, toys) / _seconds(2, toys) for _ in range(runs)]
    ratio = sorted(ratios)[runs // 2]
    verdict(
        f"two workers against one: {ratio:.2f} ({min(ratios):.2f}-{max(ratios):.2f}), at least 1.8",
        ratio >= 1.8,
    )


def _seconds(cpus: int, toys: int) -> float:
    ray.init("local", num_cpus=cpus, include_dashboard=False, log_to_driver=False)
    work = Work(kernel_test(Size(), "fixed"))
    batches = [Batch(None, tuple(range(k, k + BATCH_TOYS))) for k in range(0, toys, BATCH_TOYS)]
    run = ray_runner()
    warm = [Batch(None, (toys + k,)) for k in range(2 * cpus)]
    list(run(work, warm))
    began = time.monotonic()
    list(run(work, batches))
    seconds = time.monotonic() - began
    ray.shutdown()
    return seconds


def nodes(count: int = 16, batches: int = 400, seconds: float = 1.25) -> None:
    """Wall time of sleeping tasks on simulated nodes, over that of the sleep alone.

    As many tasks as 10,000 toys make, each as long as a batch of them.
    """
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    for _ in range(count - 1):
        cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    todo = [Batch(None, (k,)) for k in range(batches)]
    ratios = []
    try:
        list(run_tasks(_sleep, 0.0, todo[: 2 * count]))  # workers start
        for _ in range(3):
            began = time.monotonic()
            list(run_tasks(_sleep, seconds, todo))
            ratios.append((time.monotonic() - began) / (batches / count * seconds))
    finally:
        ray.shutdown()
        cluster.shutdown()
    ratio = sorted(ratios)[1]
    verdict(
        f"{batches} sleeping batches of {seconds:g} s on {count} nodes: {ratio:.3f} "
        f"({min(ratios):.3f}-{max(ratios):.3f}) of the sleep alone, at most 1.05",
        ratio <= 1.05,
    )


def _sleep(seconds: float, batch: Batch) -> np.ndarray:
    time.sleep(seconds)
    return np.zeros((len(batch.seeds), 1))


PARTS: dict[str, Callable[[], None]] = {"many": many, "workers": workers, "nodes": nodes}


def main() -> None:
    """Print the parts asked for."""
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()


if __name__ == "__main__":
    main()
