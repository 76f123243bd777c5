import numpy as np
import pyarrow as pa
import pytest

from raysearch.report.contents import ReportContents

SPACES = {
    "mlp": {
        "learning_rate": [1e-2, 5e-3, 1e-3, 5e-4, 1e-4],
        "batch_size": [64, 128, 256, 512, 1024],
        "dropout": [0.0, 0.1, 0.2, 0.3],
        "activation": ["relu", "tanh"],
    },
    "hgb": {
        "learning_rate": lambda g: 10 ** g.uniform(-3, -0.1),
        "max_leaf_nodes": lambda g: int(g.integers(2, 100)),
        "l2": lambda g: g.uniform(0, 10),
        "early_stopping": lambda g: bool(g.random() < 0.5),
    },
    "adaboost": {
        "learning_rate": lambda g: 10 ** g.uniform(-3, -0.1),
        "n_estimators": lambda g: int(g.integers(2, 100)),
    },
}
MARKUP = "ValueError: <script>alert('x')</script> & \"rates\" must be finite"


def _draw(generator, choices):
    return choices(generator) if callable(choices) else choices[generator.integers(len(choices))]


def _trial(generator, number, labels):
    detector = list(SPACES)[number % len(SPACES)]
    row = {"trial_id": f"{number:05d}", "state": "COMPLETE", "error": None}
    row |= {"seconds": generator.gamma(3, 4), "epochs": 20 if detector == "mlp" else None}
    row["config.detector"] = detector
    for name, values in SPACES[detector].items():
        row[f"config.{detector}.{name}"] = _draw(generator, values)
    if number % 11 == 5 or number % 13 == 7:
        state = "FAIL" if number % 11 == 5 else "PRUNED"
        return row | {"state": state, "error": MARKUP if state == "FAIL" else None}
    quality = generator.beta(2, 2) * {"mlp": 1.0, "hgb": 1.1, "adaboost": 0.6}[detector]
    quality *= np.exp(-((np.log10(row[f"config.{detector}.learning_rate"]) + 2) ** 2) / 4)
    row["val_sic"] = 0.01 + 0.08 * quality + generator.normal(0, 0.006)
    row["val_loss"] = 0.6931 - 0.0006 * quality + abs(generator.normal(0, 0.0002))
    row["max_sic"] = 1 + 14 * quality if labels else None
    row |= {f"max_sic_at_{o}": row["max_sic"] for o in ("val_sic", "val_loss")}
    spreads = {"val_sic": 0.006, "val_loss": 0.0001, "max_sic": 0.5 if labels else None}
    return row | {f"{name}_std": value for name, value in spreads.items()}


def _scores(generator, n, labels):
    """A signal of 1% at the same log odds in data and test; noise of its own per objective."""
    samples = np.repeat(["data", "template", "test"], [n // 3, n // 3, n - 2 * (n // 3)])
    is_test = samples == "test"
    hidden = generator.random(n) < np.select([samples == "data", is_test], [0.01, 0.3], 0.0)
    optimal = generator.normal(0, 1.5, n) + np.where(hidden, 6, -1)
    columns = {"sample": samples, "mjj_tev": 3.3 + 0.4 * generator.beta(1, 1.4, n)}
    columns["mjj_tev"][hidden] = np.clip(generator.normal(3.5, 0.05, hidden.sum()), 3.31, 3.69)
    columns["is_signal"] = pa.array(
        [bool(h) if t and labels else None for h, t in zip(hidden, is_test, strict=True)],
        pa.bool_(),
    )
    for name, noise in {"val_sic": 1.5, "val_loss": 3.0, "max_sic": 1.3}.items():
        if labels or name != "max_sic":
            noisy = (optimal + generator.normal(0, noise, n)) * 0.3
            columns[f"score.{name}"] = noisy.astype(np.float32)
    if labels:
        columns["score.optimal"] = optimal.astype(np.float32)
    return pa.table(columns)


def _choice(row, labels):
    detector = row["config.detector"]
    prefix = f"config.{detector}."
    parameters = {k.removeprefix(prefix): v for k, v in row.items() if k.startswith(prefix)}
    figures = {"max_sic": 12.3, "auc": 0.94, "rejection_at_eps_s_0.2": float("inf")}
    figures |= {"rejection_at_eps_s_0.5": 812.5, "sic_at_eps_b_1e-2": 7.2}
    return {
        "trial_id": row["trial_id"],
        "setup": {"mode": "idealised", "features": "baseline", "detector": detector}
        | {"parameters": parameters},
        "trial": {k: v for k, v in row.items() if k.startswith(("val_", "max_"))},
        "ensemble": {
            "members": 10,
            "metrics": figures | {"sic_at_eps_b_1e-3": 11.0} if labels else None,
            "val_sic": 0.0812,
            "val_sic_floor": 0.0124,
            "val_sic_floor_95": 0.0204,
            "regret": 0.93 if labels else None,
        },
    }


def _settings(name, n_trials):
    return {
        "name": name, "mode": ["idealised"], "features": ["baseline"], "space": "three_detectors",
        "strategy": "joint",
        "objective": "val_sic", "sampler": "random", "trials": n_trials, "repeats": 4,
        "seed": 20260101, "n_signal": 400, "signal_region_tev": [3.3, 3.7],
        "versions": {"raysearch": "0.1.0", "torch": "2.9.1"}, "git_commit": "0" * 40,
        "inputs": {"data": {"path": "/data/sr.h5", "sha256": "ab" * 32, "rows": 121000}},
        "counts": {"data": 20000, "template": 20000}, "wall_seconds": 754.2,
    }  # fmt: skip


def make_contents(n_trials=30, n_scores=6000, labels=True, seed=0):
    generator = np.random.default_rng(seed)
    rows = [_trial(generator, number, labels) for number in range(n_trials)]
    names = dict.fromkeys(name for row in rows for name in row)
    trials = pa.table({name: [row.get(name) for row in rows] for name in names})
    done = [row for row in rows if row["state"] == "COMPLETE"]
    best = {
        "val_sic": max(done, key=lambda row: row["val_sic"]),
        "val_loss": min(done, key=lambda row: row["val_loss"]),
    }
    if labels:
        best["max_sic"] = max(done, key=lambda row: row["max_sic"])
    choices = {name: _choice(row, labels) for name, row in best.items()}
    return ReportContents(
        settings=_settings("synthetic study", n_trials),
        trials=trials,
        selection={"objective": "val_sic", "choices": choices},
        scores=_scores(generator, n_scores, labels),
    )


@pytest.fixture(scope="session")
def contents():
    return make_contents()


@pytest.fixture(scope="session")
def unlabelled():
    return make_contents(labels=False)


@pytest.fixture(scope="session")
def make():
    return make_contents
