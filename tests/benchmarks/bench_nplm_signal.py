"""Significance of the two-sample test against injected signal, on LHC Olympics events.

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_nplm_signal.py EVENTS.h5 OUT

The file holds labelled events of a signal region (3.3 to 3.7 TeV). The data are 10k background
events, 40k others are the reference, the same for all toys; the data of a toy are drawn from the
rest, and N signal events are injected.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from raysearch import nplm_test, read_events
from raysearch.benchmarks.measurement import verdict

N_DATA, N_REFERENCE = 10_000, 40_000
INJECT = (0, 50, 100, 150, 200, 300, 400)


def curve(events: Path, out: Path, toys: int = 500, injected_toys: int = 100) -> None:
    """Print Z for each number of signal events; the figure lies in the directory."""
    read = read_events(events)
    values = np.column_stack([read.mjj_tev, read.features]).astype(np.float64)
    background, signal = values[read.labels == 0], values[read.labels == 1]
    order = np.random.default_rng(1).permutation(len(background))
    data, reference = np.split(background[order], [N_DATA])
    result = nplm_test(
        data,
        reference,
        signal=signal,
        draws="fixed",
        reference_size=N_REFERENCE,
        toys=toys,
        inject=INJECT,
        injected_toys=injected_toys,
        out=out,
    )
    print(result.summary())
    print({name: choice["value"] for name, choice in result.settings["chosen"].items()})
    for point in result.injections:
        band = f"68% of toys {point.z.low:.2f} to {point.z.high:.2f}"
        print(f"N = {point.n_signal}: Z = {point.z.value:.2f} +- {point.z_error:.2f}, {band}")
    null, *_, last = result.injections
    verdict(
        f"without signal Z = {null.z.value:.2f} +- {null.z_error:.2f}, within 3 errors of 0",
        abs(null.z.value) <= 3 * null.z_error,
    )
    verdict(f"Z grows to {last.z.value:.2f} at N = {last.n_signal}", last.z.value > null.z.value)


if __name__ == "__main__":
    curve(Path(sys.argv[1]), Path(sys.argv[2]))
