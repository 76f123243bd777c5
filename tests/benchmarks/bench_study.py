"""The study of README's first command: where its wall time goes.

Run: python tests/benchmarks/bench_study.py

The share is a strict one: seconds that workers spend in training and metrics, over wall seconds
times workers. It counts start-up, imports, waiting for the last trial and the report against it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pyarrow.compute as pc

from raysearch import load_study

JOB = Path(__file__).parents[2] / "jobs" / "search.py"
TARGET = 0.7


def measure(runs: int = 1) -> list[dict]:
    """Share of the worker seconds of whole studies that is training: one dict."""
    shares = [_share() for _ in range(runs)]
    middle = sorted(shares)[len(shares) // 2]
    return [
        {
            "name": "study of README's first command: worker seconds spent in training",
            "ratio": middle,
            "against": "wall seconds x workers",
            "target": TARGET,
            "spread": (min(shares), max(shares)),
        }
    ]


def _share() -> float:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "study")
        started = time.perf_counter()
        subprocess.run([sys.executable, JOB, "--out", out], check=True)
        wall = time.perf_counter() - started
        study = load_study(out)
        trained = pc.sum(study.table()["seconds"]).as_py() + study.about["refit_seconds"]
    return trained / (wall * psutil.cpu_count())


def main() -> None:
    """Print the share and exit with 1 if the target is missed."""
    (row,) = measure()
    print(f"{row['name']}: {row['ratio']:.2f} of {row['against']}, target {row['target']}")
    sys.exit(row["ratio"] < row["target"])


if __name__ == "__main__":
    main()
