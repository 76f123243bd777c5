"""Seeded Gaussian toys with known answers, and the detectors that pretend."""

import numpy as np

from raysearch.detectors import Member
from raysearch.events import Events
from raysearch.samples import Rows, TwoSample

BASELINE = ("mj1", "delta_mj", "tau21j1", "tau21j2")

# One entry per detector: settings that make a fit quick.
QUICK = {
    "mlp": {"width": 16, "layers": 2, "batch_size": 128, "learning_rate": 5e-3},
    "hgb": {"max_iter": 8},
    "adaboost": {"n_estimators": 8},
}


def toy_rows(n_data=1000, n_template=1000, n_signal=100, shift=3.0, d=3, seed=0):
    """Standard normal data and template; the last `n_signal` data rows are shifted."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_data + n_template, d)).astype(np.float32)
    features[n_data - n_signal : n_data] += shift
    return Rows(features, np.arange(len(features)) < n_data)


def toy_sample(test=(400, 400), shift=3.0, seed=0, **rows):
    """Two samples with `test` = (background, signal) labelled test events, or None."""
    made = toy_rows(shift=shift, seed=seed, **rows)
    mjj = np.full(len(made.is_data), 3.5, np.float32)
    columns = tuple(f"x{i}" for i in range(made.features.shape[1]))
    if test is None:
        return TwoSample(made, mjj, columns)
    is_signal = np.arange(sum(test)) >= test[0]
    events = np.random.default_rng([seed, 1]).normal(size=(sum(test), len(columns)))
    features = (events + shift * is_signal[:, None]).astype(np.float32)
    return TwoSample(made, mjj, columns, features, is_signal, np.full(sum(test), 3.5, np.float32))


def toy_events(n_background=4000, n_signal=300, seed=0, labels=True, first_id=0, low=3.0, high=4.0):
    """Events of the baseline columns with mjj flat in [low, high); `mj1` numbers the events."""
    rng = np.random.default_rng(seed)
    n = n_background + n_signal
    truth = rng.permutation(n) < n_signal
    features = (rng.normal(size=(n, 4)) + 2 * truth[:, None]).astype(np.float32)
    features[:, 0] = first_id + np.arange(n)
    mjj = rng.uniform(low, high - 1e-3, n).astype(np.float32)
    units = ("TeV", "TeV", "1", "1")
    return Events(features, BASELINE, units, mjj, truth if labels else None)


def ids(features):
    """The numbers of events, as `toy_events` gave them."""
    return set(np.asarray(features)[:, 0].astype(int).tolist())


def two_members(n, seed=0):
    """Two members that swap their halves of n rows."""
    even, odd = np.arange(0, n, 2), np.arange(1, n, 2)
    return [Member(even, odd, seed), Member(odd, even, seed + 1)]


def fitted(family, rows, members, parameters, epochs=3):
    """The last snapshot of a fit."""
    *_, last = family.fit(rows, members, parameters, epochs=epochs)
    return last
