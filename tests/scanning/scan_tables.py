"""A scan's table by hand, with known answers."""

import numpy as np

from raysearch.objectives import sic_at
from raysearch.records import Record
from raysearch.scanning.cells import Cell
from raysearch.scanning.results import Full, FullKey, HalfKey, Results
from raysearch.scanning.table import scan_table

SETTINGS = {
    "modes": ["idealised", "cwola"],
    "features": ["baseline"],
    "detectors": ["hgb", "mlp"],
    "objectives": ["val_sic", "val_loss", "max_sic"],
    "n_signal": [0, 100, 300],
}
SETS, REPEATS = 6, 4


def by_hand(directory, labels=True, fail=()):
    """Set k of a detector has val_sic k/10 and max SIC k + N/100, val_loss the other way round.

    At the best epochs of val_sic max SIC is half of that, of val_loss a quarter. By luck val_sic
    would be (5 - k)/20, more than is found where N = 0.
    """
    results, rng = Results(directory), np.random.default_rng(0)
    for n in SETTINGS["n_signal"]:
        for m, mode in enumerate(SETTINGS["modes"]):
            for d, detector in enumerate(SETTINGS["detectors"]):
                cell = Cell(mode, "baseline", n)
                for k in range(SETS):
                    key = HalfKey(cell, detector, k)
                    results.half[key] = _record(k, n, 2 * m + d, labels, key in fail, rng)
                for name in SETTINGS["objectives"]:
                    best = 0 if name == "val_loss" else SETS - 1
                    metrics = {"val_sic": 0.1 * best, "val_loss": 0.6}
                    metrics |= {"max_sic": best + n / 50 + 2 * m + d} if labels else {}
                    results.full[FullKey(cell, detector, name)] = Full(best, metrics, 3.0, None)
    sets = {name: [{f"{name}/level": 0.1 * k} for k in range(SETS)] for name in ("hgb", "mlp")}
    return scan_table(results, sets, REPEATS)


def _record(k, n, place, labels, failed, rng):
    if failed:
        return Record("FAIL", {}, 0, 0.0, "it failed", "hgb")
    noise = 0.01 * rng.permutation(REPEATS)
    found = 0.1 * k if n else 0.04 * k
    metrics = {
        "val_sic": (found + 0.001 * place + noise).tolist(),
        "val_sic_permuted": (0.05 * (5 - k) + 0.001 * place + noise).tolist(),
        "val_loss": (0.6 + 0.01 * k + noise).tolist(),
    }
    if labels:
        sic = k + n / 100 + noise
        metrics["max_sic"] = sic.tolist()
        metrics |= {sic_at("val_sic"): (sic / 2).tolist(), sic_at("val_loss"): (sic / 4).tolist()}
    return Record("COMPLETE", metrics, 1, 2.0, None, "hgb")
