"""Toys of the two-sample test as Ray tasks: many toys, their memory, workers, simulated nodes.

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_nplm_tasks.py [many] [workers] [nodes]
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import ray

from raysearch import nplm_test, surrogate_events
from raysearch.benchmarks.measurement import verdict
from raysearch.benchmarks.toys import Size, kernel_test
from raysearch.nplm.chain import begin
from raysearch.nplm.conduct import missing
from raysearch.nplm.parallel import ray_runner, run_tasks
from raysearch.nplm.pool import Draw, Pool
from raysearch.nplm.prepare import Prepared
from raysearch.nplm.settings import NplmSettings
from raysearch.nplm.work import BATCH_TOYS, Batch, Work, in_batches
from raysearch.tuning.cluster import connected

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
    batches = in_batches(None, range(toys))
    run = ray_runner()
    list(run((work, Batch(None, (toys + k,))) for k in range(2 * cpus)))
    began = time.monotonic()
    list(run((work, batch) for batch in batches))
    seconds = time.monotonic() - began
    ray.shutdown()
    return seconds


def nodes(count: int = 16, batches: int = 400, seconds: float = 1.25, runs: int = 3) -> None:
    """Wall time of a test on simulated nodes whose toys sleep, over that of the sleep alone.

    The test is a whole one: its toys' draws, results so far evaluated and written. As many tasks as
    10,000 toys make, each as long as a batch of them. Not counted are the start of workers, of
    which every node has one before, and the last evaluation, whose seconds stand beside.
    """
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    for _ in range(count - 1):
        cluster.add_node(num_cpus=1)
    try:
        with connected(cluster.address):
            _start_workers(count)
            found = [_conducted(batches, seconds) for _ in range(runs)]
    finally:
        cluster.shutdown()
    ratios = sorted(toys_s * count / (batches * seconds) for toys_s, _ in found)
    ratio, last = ratios[runs // 2], max(last_s for _, last_s in found)
    verdict(
        f"{batches} sleeping batches of {seconds:g} s on {count} nodes: {ratio:.3f} "
        f"({ratios[0]:.3f}-{ratios[-1]:.3f}) of the sleep alone, at most 1.05; "
        f"the last evaluation {last:.1f} s more",
        ratio <= 1.05,
    )


def _start_workers(nodes: int) -> None:
    """Until every node has a worker that has imported all it needs."""
    seen: set[float] = set()
    while len(seen) < nodes:
        todo = [(1.0, Batch(None, (k,))) for k in range(2 * nodes)]
        seen = {float(node[0, 0]) for _, node in run_tasks(_node, todo)}


def _node(seconds: float, batch: Batch) -> np.ndarray:
    time.sleep(seconds)
    return np.array([[int(ray.get_runtime_context().get_node_id()[:12], 16)]])


def _conducted(batches: int, seconds: float) -> tuple[float, float]:
    """Seconds from the first toy of a whole test to the last, and of the last evaluation."""
    pool = Pool(np.zeros((500, 1)), np.ones(500), np.zeros(1), np.ones(1), "fresh", 400, 50)
    statistic = Sleeping(pool, seconds / BATCH_TOYS)
    observed = Draw(np.arange(50), np.zeros((0, 1)), np.arange(100), np.zeros(0), 0)
    prepared = Prepared(Work(statistic), observed, {}, ("x",))
    settings = NplmSettings(toys=batches * BATCH_TOYS)
    with tempfile.TemporaryDirectory() as folder:
        course = begin(prepared, {}, settings, Path(folder), lambda line: None)
        began = time.monotonic()
        course.run(ray_runner(), missing(course, None, BATCH_TOYS), until_decided=True)
        toys_s = time.monotonic() - began
        course.write(complete=True)
        return toys_s, time.monotonic() - began - toys_s


@dataclass(frozen=True)
class Sleeping:
    """A statistic that sleeps for each toy, and then guesses."""

    pool: Pool
    seconds: float
    sigmas: tuple[float | None, ...] = (1.0,)

    def parts(self, draws: Sequence[Draw]) -> np.ndarray:
        """(n, 2) numbers of a chi2, and zeros."""
        time.sleep(self.seconds * len(draws))
        t = [np.random.default_rng(draw.seed).chisquare(8) for draw in draws]
        return np.column_stack([t, np.zeros(len(t))])

    def values(self, draws: Sequence[Draw]) -> np.ndarray:
        """(n, 1) numbers of a chi2."""
        return self.parts(draws)[:, :1]

    def log_ratio(self, draw: Draw, points: np.ndarray, width: int) -> np.ndarray:
        """(n,) zeros: nothing is learned."""
        return np.zeros(len(points))


PARTS: dict[str, Callable[[], None]] = {"many": many, "workers": workers, "nodes": nodes}


def main() -> None:
    """Print the parts asked for."""
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()


if __name__ == "__main__":
    main()
