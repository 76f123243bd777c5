"""What the live page costs: an update at 5,000 trials, and a study that 50 viewers look at.

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_live.py update [5000]
     OMP_NUM_THREADS=1 python tests/benchmarks/bench_live.py commits [50 3]
     OMP_NUM_THREADS=1 python tests/benchmarks/bench_live.py viewers [50 3]

`update`: CPU ms of reading what is new and writing it for a viewer, when so many trials are there.
`commits`: a driver that begins and ends twenty trials a second and trains none, in turn without a
page and with one that so many viewers look at: ms that a commit takes, in which a reader can be in
the way, and CPU of page and viewers, as a share of one core.
`viewers`: the same random search again and again, in turn without a page and with one that so
many viewers look at, all on this machine: seconds between the first and the last end of a trial,
with over without, and the CPU time of page and viewers over that of the study, which is what they
cost where both cores are busy and does not depend on who else is at work.
"""

from __future__ import annotations

import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import ray

from raysearch.files import write_json
from raysearch.live.state import Snapshot, State, message
from raysearch.records import Record
from raysearch.samples import Rows, TwoSample, View
from raysearch.settings import Resources, Settings
from raysearch.spaces import lookup
from raysearch.study import SCHEMA
from raysearch.tuning.cluster import Shared, share
from raysearch.tuning.history import History
from raysearch.tuning.run import run_search
from raysearch.tuning.task import Task

_SPACE = "hgb"
_TRIALS = 20
_COMMITS = 200
_PERIOD_S = 0.05
_EVENTS = 4000


class Cost(NamedTuple):
    """Of a study: seconds from end to end of trials; CPU seconds of study, page and viewers."""

    seconds: float
    study_cpu_s: float
    page_cpu_s: float
    viewers_cpu_s: float


def begun(folder: Path, trials: int) -> Settings:
    """A study directory without trials."""
    settings = Settings(trials=trials, space=_SPACE, sampler="random")
    write_json(folder / "study.json", {"schema": SCHEMA, "settings": settings.as_json()})
    return settings


def fill(history: History, count: int, *, commit: bool = True) -> None:
    """So many trials that were never trained."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        index, trial = history.ask()
        lookup(_SPACE)(trial)
        history.begin(trial)
        values = {name: rng.gamma(4, 0.1, 3).tolist() for name in ("val_sic", "val_loss")}
        metrics = {**values, "max_sic": rng.gamma(4, 1, 3).tolist()}
        state = "FAIL" if index % 50 == 0 else "COMPLETE"
        history.finish(trial, Record(state, metrics, 1, 1.0, "a reason", _SPACE))
    if commit:
        history.commit()


def update(trials: int) -> dict[str, float]:
    """CPU and wall ms of an update of one trial, of one without news, and of all trials at once."""
    with tempfile.TemporaryDirectory() as name:
        settings = begun(Path(name), trials + 50)
        history = History(Path(name), settings)
        fill(history, trials)
        state = State(Path(name), settings)
        first = _timed(lambda: message(state.refresh(), "", 0))
        news, idle, sizes = [], [], []
        for _ in range(50):
            known = state.refresh()
            fill(history, 1)
            news.append(_timed(lambda known=known: sizes.append(_news(state, known))))
            idle.append(_timed(state.refresh))
    return {
        "first_cpu_ms": first[0],
        "news_cpu_ms": statistics.median(cpu for cpu, _ in news),
        "news_wall_ms": statistics.median(wall for _, wall in news),
        "news_worst_wall_ms": max(wall for _, wall in news),
        "idle_cpu_ms": statistics.median(cpu for cpu, _ in idle),
        "news_bytes": statistics.median(sizes),
    }


def _news(state: State, known: Snapshot) -> int:
    return len(message(state.refresh(), known.life, known.n_rows))


def _timed(what: Callable[[], object]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    what()
    return 1e3 * (time.process_time() - cpu), 1e3 * (time.perf_counter() - wall)


def sample() -> TwoSample:
    """Events that a fit takes some tenths of a second for."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(_EVENTS, 4)).astype(np.float32)
    mjj = np.full(_EVENTS, 3.5, np.float32)
    rows = Rows(features, np.arange(_EVENTS) % 2 == 0)
    return TwoSample(rows, mjj, ("x0", "x1", "x2", "x3"))


def study(folder: Path, settings: Settings, shared: Shared) -> float:
    """Run it; seconds from the first to the last end of a trial."""
    ends: list[float] = []

    def note(index: int, record: Record) -> None:
        ends.append(time.perf_counter())

    task = Task(shared, settings.repeats, settings.seed)
    history = History(folder, settings)
    run_search(history, task, settings, Resources(backend="direct"), note, lambda line: None)
    return ends[-1] - ends[0]


@contextmanager
def looked_at(folder: Path, viewers: int) -> Iterator[list[psutil.Process]]:
    """A page of the study in a process, and so many viewers in another one."""
    python = [sys.executable]
    served = [*python, "-m", "raysearch", "dashboard", str(folder), "--no-browser"]
    with subprocess.Popen(served, stdout=subprocess.PIPE, text=True) as page:
        url = page.stdout.readline().strip() if page.stdout else ""
        script = Path(__file__).with_name("viewers.py")
        watching = [*python, str(script), url, str(viewers)]
        with subprocess.Popen(watching, stdout=subprocess.PIPE, text=True) as watchers:
            if watchers.stdout:
                watchers.stdout.readline()
            yield [psutil.Process(page.pid), psutil.Process(watchers.pid)]
            watchers.terminate()
        page.terminate()


def cpu_s(processes: Sequence[psutil.Process]) -> list[float]:
    """CPU seconds that each has taken so far."""
    return [sum(process.cpu_times()[:2]) for process in processes]


def own_cpu_s(others: Sequence[psutil.Process]) -> float:
    """CPU seconds of this process and all below it but these: driver, Ray and workers."""
    left_out = {process.pid for process in others}
    own = psutil.Process()
    below = [each for each in own.children(recursive=True) if each.pid not in left_out]
    return sum(cpu_s([own, *below]))


def measured(shared: Shared, viewers: int) -> Cost:
    """One study, looked at by so many."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = begun(folder, _TRIALS)
        with looked_at(folder, viewers) if viewers else nullcontext([]) as processes:
            own, before = own_cpu_s(processes), cpu_s(processes)
            seconds = study(folder, settings, shared)
            after = cpu_s(processes)
            own = own_cpu_s(processes) - own
    page, watchers = [b - a for a, b in zip(before, after, strict=True)] or [0.0, 0.0]
    return Cost(seconds, own, page, watchers)


def with_viewers(viewers: int, pairs: int) -> None:
    """Print what each pair of studies took."""
    ray.init(
        "local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    shared = share({View("idealised", "baseline"): sample()})
    ratios, shares = [], []
    for pair in range(pairs):
        # Whoever comes first in a pair has a cooler machine.
        order = (0, viewers) if pair % 2 == 0 else (viewers, 0)
        found = {each: measured(shared, each) for each in order}
        with_, without = found[viewers], found[0]
        ratios.append(with_.seconds / without.seconds)
        shares.append((with_.page_cpu_s + with_.viewers_cpu_s) / with_.study_cpu_s)
        print(
            f"without {without.seconds:.2f} s, with {with_.seconds:.2f} s: {ratios[-1]:.3f}; "
            f"CPU of the study {without.study_cpu_s:.2f} and {with_.study_cpu_s:.2f} s, "
            f"the page {with_.page_cpu_s:.2f} s, "
            f"viewers {with_.viewers_cpu_s:.2f} s: {shares[-1]:.2%}",
            flush=True,
        )
    print(f"time, median {statistics.median(ratios):.3f} ({min(ratios):.3f}-{max(ratios):.3f})")
    print(f"CPU, median {statistics.median(shares):.2%} ({min(shares):.2%}-{max(shares):.2%})")


def commits(folder: Path) -> list[float]:
    """ms of each commit of a driver that begins and ends trials."""
    history = History(folder, begun(folder, _COMMITS))
    took = []
    for _ in range(_COMMITS):
        fill(history, 1, commit=False)
        started = time.perf_counter()
        history.commit()
        took.append(1e3 * (time.perf_counter() - started))
        time.sleep(_PERIOD_S)
    return took


def with_commits(viewers: int, pairs: int) -> None:
    """Print what commits took in each pair."""
    for _ in range(pairs):
        with tempfile.TemporaryDirectory() as name:
            alone = commits(Path(name))
        with tempfile.TemporaryDirectory() as name:
            begun(Path(name), _COMMITS)
            with looked_at(Path(name), viewers) as processes:
                before, started = cpu_s(processes), time.perf_counter()
                watched = commits(Path(name))
                spent = time.perf_counter() - started
                after = cpu_s(processes)
        page, watchers = ((b - a) / spent for a, b in zip(before, after, strict=True))
        print(
            f"commit {_told(alone)} ms, with {viewers} viewers {_told(watched)} ms; the page takes "
            f"{page:.1%} of a core, the viewers {watchers:.1%}",
            flush=True,
        )


def _told(took: Sequence[float]) -> str:
    late = np.quantile(took, 0.99)
    return f"median {statistics.median(took):.2f}, mean {np.mean(took):.2f}, 99% {late:.2f}"


def main() -> None:
    """See the module."""
    what, *rest = sys.argv[1:] or ["update"]
    if what in ("viewers", "commits"):
        viewers, pairs = map(int, rest or ("50", "3"))
        (with_viewers if what == "viewers" else with_commits)(viewers, pairs)
    else:
        for name, value in update(int(rest[0]) if rest else 5000).items():
            print(f"{name:>20} {value:.1f}")


if __name__ == "__main__":
    main()
