"""Toys of the two-sample test: CPU seconds against a naive solve, and the published benchmark.

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_nplm.py [PART ...]

Surrogate dijets of the signal region (4 columns), reference 200k, data 20k, 1000 centres; the naive
solve is what the published programs do: all kernel values of all events, the weighted normal
equations of the centres, for each toy anew.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy import stats

from raysearch import surrogate_events
from raysearch.nplm import rules
from raysearch.nplm.blocks import make_block
from raysearch.nplm.kernel import gaussian
from raysearch.nplm.networks import Shape
from raysearch.nplm.neural import NeuralTest, make_samples
from raysearch.nplm.nuisances import Model
from raysearch.nplm.pool import Draw, Pool, draw_toy, reference_rows
from raysearch.nplm.statistic import KernelTest
from raysearch.nplm.tensors import tensor
from raysearch.nplm.train import Samples, train
from raysearch.nplm.work import Batch, toy_seed

PENALTY, CENTRES = 1e-6, 1000
# Medians of t in 4000 toys of arXiv:2204.02317, by kernel width: null and signal.
PUBLISHED = {0.7: (12.8, 29.3), 1.4: (7.8, 19.5), 2.3: (5.5, 14.2), 9.0: (2.4, 6.2)}


def make_test(n: int, n_reference: int, n_data: int, scheme: str) -> KernelTest:
    """A kernel test on surrogate dijets at the width the rule gives."""
    values = surrogate_events(n, 0, 1, (3.3, 3.7)).features.astype(np.float64)
    mean, width = values.mean(0), values.std(0)
    pool = Pool((values - mean) / width, np.ones(n), mean, width, scheme, n_reference, n_data)
    sigma = rules.kernel_width(pool.points).value
    block = make_block(pool, pool.points[:CENTRES], sigma, PENALTY, True, "cpu")
    return KernelTest(pool, ((block,),), PENALTY)


def naive(test: KernelTest, draw: Draw) -> float:
    """t of a draw by the normal equations of the centres."""
    pool, basis = test.pool, test.blocks[0][0].basis
    rows, centres = reference_rows(pool, draw), tensor(basis.centres)
    data = np.concatenate([pool.points[draw.rows], draw.points])
    x = tensor(np.concatenate([pool.points[rows], data]))
    w = torch.full((len(x),), len(data) / len(rows), dtype=torch.float64)
    w[len(rows) :] = 1
    sign = torch.where(torch.arange(len(x)) < len(rows), -1.0, 1.0).double()
    k = torch.exp(-(torch.cdist(x, centres) ** 2) / (2 * basis.sigma**2))
    norm = gaussian(centres, centres, basis.sigma)
    left = (k * (w / 4)[:, None]).T @ k + len(x) * PENALTY * norm
    left += 1e-12 * left.diagonal().max() * torch.eye(len(centres), dtype=torch.float64)
    a = torch.linalg.solve(left, k.T @ (sign * w / 2))
    f = k @ a
    return float(2 * (f[len(rows) :].sum() - (w * f.expm1())[: len(rows)].sum()))


def cpu_s(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def speed(
    n: int = 440_000,
    n_reference: int = 200_000,
    n_data: int = 20_000,
    toys: int = 50,
    runs: int = 3,
) -> list[dict]:
    """A toy with a shared and with a fresh reference: CPU seconds, ratio to naive, difference."""
    return [
        entry
        for scheme, targets in (("fixed", (0.1, 150.0)), ("fresh", (2.5, 1.0)))
        for entry in _speed(make_test(n, n_reference, n_data, scheme), targets, toys, runs)
    ]


def _speed(test: KernelTest, targets: tuple[float, float], toys: int, runs: int) -> list[dict]:
    pool = test.pool
    draws = [draw_toy(pool, seed) for seed in range(toys)]
    values = test.values(draws)[:, 0]
    ours, theirs, differences = [], [], []
    for run in range(runs):
        seconds = cpu_s(lambda: test.values([draw_toy(pool, seed) for seed in range(toys)]))
        ours.append(seconds / toys)
        start = time.process_time()
        differences.append(abs(naive(test, draws[run]) - values[run]))
        theirs.append(time.process_time() - start)
    ratios = [their / our for their, our in zip(theirs, ours, strict=True)]
    name = f"{pool.scheme} reference, {pool.n_data} data"
    rank = test.blocks[0][0].basis.rank
    return [
        _entry(f"CPU s a toy, {name}, rank {rank}", ours, "at most the target", targets[0]),
        _entry(f"toy, {name}", ratios, "naive solve in the same run", targets[1]),
        _entry(f"|dt|, {name}", differences, "naive solve, at most", 0.2),
    ]


def neural(toys: int = 25, steps: int = 40, runs: int = 3) -> list[dict]:
    """CPU seconds a toy of networks [1, 4, 1] trained as one batch, against one at a time."""
    test = exponential_networks(9.0, steps, 1)
    draws = [draw_toy(test.pool, seed) for seed in range(toys)]
    ratios = []
    for _ in range(runs):
        ours = cpu_s(lambda: test.values(draws)) / toys
        theirs = cpu_s(lambda: [test.values([d]) for d in draws[:5]]) / 5
        ratios.append(theirs / ours)
    plain = [_plain_ratio(test, draws[:toys], steps) for _ in range(runs)]
    return [
        _entry(f"{toys} networks as a batch", ratios, "one network at a time", 5.0),
        _entry(f"step of {toys} networks as a batch", plain, "autograd and Adam, one network", 5.0),
    ]


def exponential_networks(clip: float, steps: int, starts: int) -> NeuralTest:
    """The neural test of the exponential; its reference is a fine grid with weights."""
    x = ((np.arange(1024) + 0.5) / 1024 * 14)[:, None]
    w = np.exp(-x[:, 0])
    pool = Pool(
        x - 1, w / w.mean(), np.ones(1), np.ones(1), "sampler", 1024, 2000, 2000.0, exponential
    )
    return NeuralTest(pool, (4,), clip, steps, starts)


def exponential(rng: np.random.Generator, n: int) -> np.ndarray:
    """The reference of the published benchmark."""
    return rng.exponential(size=(n, 1))


def _plain_ratio(test: NeuralTest, draws: Sequence[Draw], steps: int) -> float:
    """CPU of a step as the published code does it, over ours a network."""
    samples = make_samples(test.pool, draws, (), "cpu")
    start = Shape((1, 4, 1)).initial(range(len(draws)))
    model = Model(Shape((1, 4, 1)))
    ours = cpu_s(lambda: train(model, start, samples, 9.0, steps)) / steps / len(draws)
    one = samples.take(torch.tensor([0]))
    return cpu_s(lambda: _autograd(one, steps)) / steps / ours


def _autograd(samples: Samples, steps: int) -> None:
    net = torch.nn.Sequential(torch.nn.Linear(1, 4), torch.nn.Sigmoid(), torch.nn.Linear(4, 1))
    net, adam = net.double(), torch.optim.Adam(net.double().parameters(), lr=1e-3)
    reference, data = samples.reference[0].T, samples.data[0].T
    weights, counts = samples.weights[0].T, samples.counts[0].T
    for _ in range(steps):
        adam.zero_grad()
        loss = (weights * (net(reference).exp() - 1)).sum() - (counts * net(data)).sum()
        loss.backward()
        adam.step()
        with torch.no_grad():
            for p in net.parameters():
                p.clamp_(-9, 9)


def published(toys: int = 300, sets: int = 4) -> list[dict]:
    """Medians of t in the exponential benchmark minus the published ones, in standard errors."""
    return [r for sigma in PUBLISHED for r in _published(sigma, toys, sets)]


def _published(sigma: float, toys: int, sets: int) -> list[dict]:
    found: dict[str, list[np.ndarray]] = {"null": [], "signal": []}
    for k in range(sets):
        test = _exponential_test(sigma, k)
        for name, n_signal in (("null", 0), ("signal", 10)):
            draws = [_exponential_draw(test.pool, n_signal, 10_000 * k + j) for j in range(toys)]
            found[name].append(test.values(draws)[:, 0])
    return [
        _compared(f"{name} median of t, sigma {sigma:g}", found[name], expected)
        for name, expected in zip(found, PUBLISHED[sigma], strict=True)
    ]


def _exponential_test(sigma: float, k: int) -> KernelTest:
    x = np.random.default_rng([7, k]).exponential(size=(200_000, 1))
    one = np.ones(1)
    pool = Pool(x, np.ones(len(x)), 0 * one, one, "sampler", len(x), 2000, 2000.0, exponential)
    return KernelTest(
        pool, ((make_block(pool, x[:CENTRES], sigma, PENALTY, True, "cpu"),),), PENALTY
    )


def _exponential_draw(pool: Pool, n_signal: int, seed: int) -> Draw:
    rng = np.random.default_rng([seed, n_signal])
    bump = rng.normal(6.4, 0.16, size=(rng.poisson(n_signal), 1))
    draw = draw_toy(pool, seed)
    return draw._replace(points=np.concatenate([draw.points, bump]))


def _compared(name: str, sets: list[np.ndarray], expected: float) -> dict:
    t = np.concatenate(sets)
    median, medians = float(np.median(t)), [float(np.median(s)) for s in sets]
    # Toys fluctuate, and so do references with their centres, of which there are few.
    of_toys = 1.2533 * t.std() / np.sqrt(len(t))
    of_sets = statistics.stdev(medians) / np.sqrt(len(sets)) if len(sets) > 1 else 0.0
    error = max(of_toys, of_sets)
    print(f"{name}: {median:.2f} +- {error:.2f} ({of_toys:.2f} from toys), published {expected}")
    deviation = abs(median - expected) / error
    return {
        "name": name,
        "ratio": deviation,
        "against": f"published {expected}, in standard errors of {error:.2f}",
        "target": 3.0,
        "spread": (min(medians), max(medians)),
    }


def ray_tasks(nodes: int = 16, batches: int = 64, seconds: float = 2.0) -> list[dict]:
    """Wall time of sleeping tasks on simulated nodes, over that of the sleep alone."""
    from ray.cluster_utils import Cluster

    from raysearch.nplm.parallel import run_tasks

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    for _ in range(nodes - 1):
        cluster.add_node(num_cpus=1)
    import ray

    ray.init(address=cluster.address, log_to_driver=False)
    todo = [Batch(None, (k,)) for k in range(batches)]
    ratios = []
    try:
        list(run_tasks(_sleep, 0.0, todo[: 2 * nodes]))  # workers start
        for _ in range(3):
            start = time.monotonic()
            list(run_tasks(_sleep, seconds, todo))
            ratios.append((time.monotonic() - start) / (batches / nodes * seconds))
    finally:
        ray.shutdown()
        cluster.shutdown()
    return [
        _entry(f"{batches} sleeping batches on {nodes} nodes", ratios, "sleep alone, at most", 1.05)
    ]


def _sleep(seconds: float, batch: Batch) -> np.ndarray:
    time.sleep(seconds)
    return np.zeros((len(batch.seeds), 1))


def null(dims: Sequence[int] = (1, 4, 8), tests: int = 500, toys: int = 1000) -> list[dict]:
    """KS p of the p-values, counted among toys, of independent samples of the null."""
    return [_null(d, tests, toys) for d in dims]


def _null(d: int, tests: int, toys: int, n_data: int = 1000) -> dict:
    rng = np.random.default_rng(d)
    x = rng.normal(size=(40_000, d))
    one = np.ones(d)
    pool = Pool(x, np.ones(len(x)), 0 * one, one, "fresh", 38_000, n_data)
    sigma = rules.kernel_width(x).value
    test = KernelTest(pool, ((make_block(pool, x[:300], sigma, 1e-5, True, "cpu"),),), 1e-5)
    t = np.concatenate(
        [
            test.values([draw_toy(pool, toy_seed(1, None, k)) for k in range(start, start + 50)])
            for start in range(0, toys, 50)
        ]
    )[:, 0]
    empty = np.zeros(0, np.int64)
    seen = [
        draw_toy(pool, 10**9 + k)._replace(rows=empty, points=rng.normal(size=(n_data, d)))
        for k in range(tests)
    ]
    observed = np.concatenate([test.values(seen[k : k + 50]) for k in range(0, tests, 50)])[:, 0]
    counted = (1 + (t >= observed[:, None]).sum(1)) / (1 + toys)
    p = float(stats.kstest(counted, "uniform").pvalue)
    print(f"d = {d}: mean t of toys {t.mean():.2f}, of tests {observed.mean():.2f}")
    return _entry(f"KS p of {tests} null p-values, d = {d}", [p], "at least", 0.05)


def _entry(name: str, ratios: Sequence[float], against: str, target: float) -> dict:
    return {
        "name": name,
        "ratio": float(statistics.median(ratios)),
        "against": against,
        "target": target,
        "spread": (float(min(ratios)), float(max(ratios))),
    }


PARTS: dict[str, Callable[[], list[dict]]] = {
    "speed": speed,
    "neural": neural,
    "ray": ray_tasks,
    "published": published,
    "null": null,
}


def measure(parts: Sequence[str] = ("speed", "neural")) -> list[dict]:
    """Entries of name, ratio (median), against, target and spread (smallest, largest)."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [entry for part in parts for entry in PARTS[part]()]
    finally:
        torch.set_num_threads(threads)


def main() -> None:
    """Print a table of the parts asked for."""
    for r in measure(sys.argv[1:] or ("speed", "neural")):
        low, high = r["spread"]
        line = f"{r['name']:55s} {r['ratio']:9.3f} ({low:.3f}-{high:.3f})"
        print(f"{line} {r['against']}, target {r['target']}")


if __name__ == "__main__":
    main()
