"""Seeded Gaussian toys with known answers, and the detectors that pretend."""

from dataclasses import replace

import numpy as np

from raysearch.density import CathodeSettings
from raysearch.detectors import Member
from raysearch.events import Events
from raysearch.regions import set_aside
from raysearch.samples import Rows, TwoSample, View

VIEW = View("idealised", "baseline")
BASELINE = ("mj1", "delta_mj", "tau21j1", "tau21j2")

# One entry per detector: settings that make a fit quick.
QUICK = {
    "mlp": {"width": 16, "layers": 2, "batch_size": 128, "learning_rate": 5e-3},
    "piecewise_mlp": {"width": 16, "layers": 2, "learning_rate": 5e-3, "bins": 4},
    "hgb": {"max_iter": 8},
    "lightgbm": {"max_iter": 8},
    "adaboost": {"n_estimators": 8},
    "random_forest": {"n_estimators": 8},
}


QUICK_CATHODE = CathodeSettings(
    "maf", {"blocks": 2, "hidden": 8, "epochs": 2, "learning_rate": 1e-2}
)


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


def with_verdict(sample, share=0.2, seed=0):
    """The sample with a share of its rows set aside."""
    rng = np.random.default_rng([seed, 2])
    return replace(sample, verdict=set_aside(sample.rows.is_data, share, rng))


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


def quick_background(name):
    """The mode called `name`, its density trained in no time."""
    from raysearch.backgrounds import Cathode, background

    return Cathode(QUICK_CATHODE) if name == Cathode.name else background(name)


def ids(features):
    """The numbers of events, as `toy_events` gave them."""
    return set(np.asarray(features)[:, 0].astype(int).tolist())


def two_members(n, seed=0):
    """Two members that swap their halves of n rows."""
    even, odd = np.arange(0, n, 2), np.arange(1, n, 2)
    return [Member(even, odd, seed), Member(odd, even, seed + 1)]


def fitted(family, rows, members, parameters, epochs=3):
    """The last snapshot of a fit."""
    *_, last = family.fit(rows, members, [parameters] * len(members), epochs=epochs)
    return last


class Pretender:
    """A detector whose snapshots score by a rule; it counts what it was asked for.

    `rule(member, epoch, features)` gives the (n,) scores of a member after an epoch.
    """

    name, defaults, ensemble_size = "pretender", {"level": 0.0}, 10

    def __init__(self, rule, epochs=1, final_epochs=None):
        self.search_epochs = epochs
        self.rule, self.epochs, self.final_epochs, self.asked = rule, epochs, final_epochs, []

    def pack_key(self, parameters):
        return self.name

    def fit(self, rows, members, parameters, *, epochs=None):
        self.asked.append(epochs)
        return PretendedFit(self.rule, members, epochs or self.epochs)

    def merge(self, snapshots):
        return Pretended([part for snapshot in snapshots for part in snapshot.parts])


class PretendedFit:
    def __init__(self, rule, members, epochs):
        self.rule, self.members, self.epochs = rule, list(members), iter(range(epochs))

    def __iter__(self):
        return self

    def __next__(self):
        epoch = next(self.epochs)
        return Pretended([(self.rule, member, epoch) for member in self.members])

    def keep(self, members):
        self.members = [self.members[k] for k in members]


class Pretended:
    def __init__(self, parts):
        self.parts = parts

    def scores(self, features):
        blocks = [features] * len(self.parts) if features.ndim == 2 else features
        pairs = zip(self.parts, blocks, strict=True)
        return np.stack([rule(m, e, x) for (rule, m, e), x in pairs]).astype(np.float32)

    def take(self, members):
        return Pretended([self.parts[k] for k in members])


def hand_made_study(directory, objective="val_sic", complete=True):
    """A study directory with one HGB trial and its detector, written without a search."""
    from raysearch.detectors import detector
    from raysearch.detectors.ensemble import Ensemble
    from raysearch.files import write_json
    from raysearch.records import Record, write_trials
    from raysearch.settings import Settings
    from raysearch.study import SCHEMA, Study

    settings = Settings(objective=objective, trials=1).as_json()
    about = {"schema": SCHEMA, "settings": settings, "inputs": {}, "resources": {}}
    about["history"] = {"where": "sqlite", "study": "raysearch"}
    about["versions"] = {"raysearch": "1"}
    write_json(directory / "study.json", about)
    ended = Record("COMPLETE" if complete else "FAIL", {"val_sic": [0.1]}, 1, 1.0, None, "hgb")
    write_trials(directory / "trials.parquet", {0: ({"hgb/max_iter": 8}, ended)})
    setup = {**VIEW._asdict(), "detector": "hgb", "parameters": QUICK["hgb"]}
    choice = {"trial_id": "00000", "setup": setup, "ensemble": None}
    choices = {objective: choice} if complete else {}
    selection = {"schema": 1, "objective": objective, "choices": choices}
    write_json(directory / "selection.json", selection)
    if complete:
        (directory / "detector" / objective).mkdir(parents=True)
        snapshot = fitted(detector("hgb"), toy_rows(200, 200, 40, d=4), two_members(400), {})
        Ensemble("hgb", "baseline", snapshot).save(directory / "detector" / objective)
    return Study(directory)
