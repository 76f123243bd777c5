"""Memory of a search on one million events of 15 columns, all processes together.

Run: python tests/benchmarks/bench_memory.py

Proportional set sizes are summed over the process tree every half second, so that shared memory
counts once; what an idle Ray with its prestarted workers takes is subtracted.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from raysearch.benchmarks.reading import NAMES, dijets, write_frame

ROWS = 1_000_000
TARGET_GIB = 2.0
IDLE = """
import ray, time
ray.init("local", include_dashboard=False, log_to_driver=False)
time.sleep(20)
"""


def measure(rows: int = ROWS) -> list[dict]:
    """Largest total of a search, beyond the idle one's: one dict, GiB."""
    idle = _peak_gib([sys.executable, "-c", IDLE])
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder, "events.h5")
        write_frame(events, [*NAMES, "label"], rows, dijets)
        words = ["search", events, "--trials", "6", "--repeats", "2", "--out", Path(folder, "s")]
        search = _peak_gib([sys.executable, "-m", "raysearch", *map(str, words)])
    return [
        {
            "name": f"memory of a search on {rows} x 15 events, GiB beyond idle Ray",
            "ratio": search - idle,
            "against": f"idle Ray, {idle:.2f} GiB",
            "target": TARGET_GIB,
            "spread": (search - idle, search - idle),
        }
    ]


def _peak_gib(command: list[str]) -> float:
    process = subprocess.Popen(command)
    peak = 0
    while process.poll() is None:
        peak = max(peak, _total(psutil.Process(process.pid)))
        time.sleep(0.5)
    return peak / 2**30


def _total(root: psutil.Process) -> int:
    total = 0
    for process in [root, *root.children(recursive=True)]:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def main() -> None:
    """Print the figure and exit with 1 if it is above the target."""
    (row,) = measure()
    print(f"{row['name']}: {row['ratio']:.2f} ({row['against']}), at most {row['target']}")
    sys.exit(row["ratio"] > row["target"])


if __name__ == "__main__":
    main()
