"""How the cost of a study grows with its events, from 1e4 to 1e7 rows.

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_events.py [10000 100000 1000000 10000000]

Rows are surrogate dijets of all masses with a pool of signal, in a columns file. Of each number:
CPU seconds of reading, of preparing (pools, injection, template), of an epoch of one network and of
one fit of boosted trees, both with all metrics, and the largest resident size of the process.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from raysearch import surrogate_events, write_columns
from raysearch.benchmarks.measurement import cpu_s
from raysearch.inputs import read_inputs
from raysearch.prepare import prepare
from raysearch.settings import Settings
from raysearch.threads import one_thread
from raysearch.trial import Setup, run_trial, trial_epochs

ROWS = ("10000", "100000", "1000000", "10000000")
SIGNAL_SHARE = 0.05
MLP = {"batch_size": 1024}
HGB = {"max_iter": 100}


def costs(path: Path) -> dict[str, float]:
    """Of the study of a file, in this process."""
    settings = Settings(repeats=1, n_signal=0, verdict_share=0.0)
    began = time.process_time()
    inputs = read_inputs(
        {"events": path, "template": None, "test": None}, settings.features, settings.mode
    )
    read = time.process_time()
    sample = prepare(inputs, settings, *settings.views).sample
    prepared = time.process_time()
    network = Setup(*settings.views[0], "mlp", MLP)
    trees = Setup(*settings.views[0], "hgb", HGB)
    return {
        "rows_in_region": len(sample.mjj_tev),
        "reading_s": read - began,
        "preparing_s": prepared - read,
        "network_epoch_s": cpu_s(lambda: next(trial_epochs(network, sample, repeats=1, seed=1))),
        "trees_fit_s": cpu_s(lambda: run_trial(trees, sample, repeats=1)),
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def _write(path: Path, rows: int) -> None:
    signal = int(SIGNAL_SHARE * rows)
    write_columns(path, surrogate_events(rows - signal, signal, 1))


def _report(rows: int) -> None:
    """Print one line; the costs come from a process of their own, for the sake of the memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "events.h5")
        _write(path, rows)
        told = subprocess.run([sys.executable, __file__, path], stdout=subprocess.PIPE, check=True)
    found = json.loads(told.stdout)
    print(f"{rows:.0e} rows: " + ", ".join(f"{name} {value:.3g}" for name, value in found.items()))


def main() -> None:
    """Print a line for each number of rows."""
    if sys.argv[1:] and Path(sys.argv[1]).is_file():
        with one_thread():
            print(json.dumps(costs(Path(sys.argv[1]))))
        return
    for rows in sys.argv[1:] or ROWS:
        _report(int(rows))


if __name__ == "__main__":
    main()
