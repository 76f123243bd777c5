"""Small directories of every kind that raysearch writes, written by its own functions, no Ray."""

import json

import numpy as np
import pyarrow as pa
from toys import QUICK, VIEW, fitted, hand_made_study, toy_events, toy_rows, two_members

from raysearch.detectors import detector
from raysearch.detectors.ensemble import Ensemble
from raysearch.events import write_columns
from raysearch.features import fit_variation
from raysearch.files import write_json
from raysearch.mixture import Mixture, Part
from raysearch.nplm.store import open_store
from raysearch.preference import Preference
from raysearch.records import Record, write_trials
from raysearch.scanning.results import Full, FullKey, HalfKey, Results
from raysearch.scanning.settings import ScanSettings
from raysearch.scanning.table import scan_table
from raysearch.schemas import write_table
from raysearch.scorer import Scorer
from raysearch.settings import Settings
from raysearch.spaces import lookup
from raysearch.tuning.history import History
from raysearch.tuning.place import Place

ENDED = Record("COMPLETE", {"val_sic": [0.4, 0.5], "max_sic": [2.0, 3.0]}, 1, 2.0, None, "hgb")
FAILED = Record("FAIL", {}, 0, 0.5, "a score is not finite", "hgb")


def study(directory, place, complete):
    """A study with a mixture, scores, a generated template and a history of four trials."""
    made = hand_made_study(directory)
    settings = Settings(trials=5, repeats=2, space="hgb", sampler="random")
    about = made.about
    about |= {"settings": settings.as_json(), "history": {"where": place, "study": "raysearch"}}
    about |= {"counts": {"data": 60}, "wall_seconds": 3.0, "created": "2026-01-01T00:00:00+0000"}
    write_json(directory / "study.json", about | ({"ended_early": None} if complete else {}))
    write_columns(directory / "template.baseline.h5", toy_events(50, 0))
    _scores(directory)
    _mixture(directory / "detector" / "recommended")
    _selection(made)
    history = History(directory, settings, place=Place(place))
    for record in (ENDED, FAILED, ENDED, None):
        _, trial = history.ask()
        lookup(settings.space)(trial)
        history.begin(trial)
        if record is not None:
            history.finish(trial, record)
    history.commit()
    write_trials(directory / "trials.parquet", history.records())
    history.close()


def _scores(directory):
    rng, n = np.random.default_rng(0), 60
    columns = {
        "sample": pa.array(np.repeat(["data", "template", "test"], n)).dictionary_encode(),
        "mjj_tev": pa.array(rng.uniform(3.3, 3.7, 3 * n).astype(np.float32)),
        "is_signal": pa.array([None] * 2 * n + [k % 2 == 0 for k in range(n)]),
    }
    for name in ("val_sic", "recommended"):
        columns[f"score.{name}"] = pa.array(rng.normal(size=3 * n).astype(np.float32))
    write_table(directory / "scores.parquet", pa.table(columns), 1)


def _mixture(directory):
    directory.mkdir()
    template = np.linspace(-1, 1, 50, dtype=np.float32)
    parts = []
    for family, features, d in (("lightgbm", "baseline", 4), ("mlp", "baseline+noise1", 5)):
        rows = toy_rows(200, 200, 40, d=d)
        snapshot = fitted(detector(family), rows, two_members(400), QUICK[family], epochs=1)
        variation = fit_variation(features, toy_events(50, 0), 1) if d > 4 else None
        parts.append(Part(Scorer(Ensemble(family, features, snapshot), variation), template))
    Mixture(tuple(parts)).save(directory)


def _selection(made):
    selection = made.selection
    chosen = selection["choices"]["val_sic"]
    chosen["trial"] = {"val_sic": 0.4, "val_sic_std": 0.1}
    figures = {"max_sic": 2.0, "auc": 0.7}
    chosen["ensemble"] = {"members": 2, "metrics": figures, "val_sic": 0.3, "regret": 1.0}
    chosen["ensemble"] |= {"val_sic_floor": 0.1, "val_sic_floor_95": 0.2}
    asked = {**Preference(3.2, 0.01, 400, 50, 60)._asdict(), "is_clear": True, "alarm_rate": 0.05}
    mean = {**chosen, "trials": ["00000"], "parts": [chosen["setup"]], "preference": asked}
    mean["setup"] = {**VIEW._asdict(), "detector": "1 hgb", "parameters": {}}
    selection["choices"]["recommended"] = mean
    write_json(made.directory / "selection.json", selection)


def scan(directory, complete):
    """A scan with a table and a journal."""
    directory.mkdir()
    settings = ScanSettings(n_signal=(0, 100), detectors=("hgb",), sets=2, repeats=2)
    about = {"schema": 1, "settings": settings.as_json(), "inputs": {}, "complete": complete}
    about |= {"estimate": {"cpu_hours": {"hgb": 0.1}}, "versions": {}, "git_commit": None}
    about["cells"] = {"idealised-baseline-0": {"counts": {"data": 7}, "density": None}}
    write_json(directory / "scan.json", about)
    results = Results(directory)
    for cell in settings.cells():
        results.add_cell(cell, {"counts": {"data": 7}, "density": None})
        results.add_halves({HalfKey(cell, "hgb", k): ENDED for k in range(2)})
        results.add_full(FullKey(cell, "hgb", "val_sic"), Full(1, {"val_sic": 0.3}, 2.0, None))
    sets = {"hgb": [{"hgb/max_iter": 8 + k} for k in range(2)]}
    write_table(directory / "scan.parquet", scan_table(results, sets, 2), 1)


NPLM_ASKED, NPLM_CHOSEN = {"seed": 1, "columns": ["a"]}, {"penalty": 1e-6, "sigmas": [1.0, 2.0]}


def nplm(directory):
    """A test with toys of its own and with injected signal."""
    store = open_store(directory, (1.0, 2.0), NPLM_ASKED, NPLM_CHOSEN)
    parts = np.random.default_rng(0).normal(size=(8, 3))
    store.toys.update({(None if k < 5 else 10, k): part for k, part in enumerate(parts)})
    store.write_toys()
    powers = [{"candidate": {}, "z": 1.0, "z_error": 0.1}]
    write_json(directory / "selection.json", {"powers": powers})
    (directory / "nplm.json").write_text(json.dumps({"schema": 1, "t": 1.0, "settings": {}}))
