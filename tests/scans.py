"""Fixtures of the scan's tests, known to all tests by tests/conftest.py."""

import json

import numpy as np
import pytest
from toys import toy_events


def level_space(trial):
    level = trial.suggest_float("pretender/level", 0.0, 1.0)
    return {"detector": "pretender", "parameters": {"level": level}}


def noisy(member, epoch, features):
    """Scores that know the signal a little, and depend on the seed of the member."""
    noise = np.random.default_rng(member.seed).normal(size=len(features))
    return features[:, 1] + 2 * noise


@pytest.fixture
def pretended(pretend, monkeypatch):
    """Scans of a detector that costs nothing; its scores are those of a rule."""

    def of(rule=noisy, **settings):
        from raysearch.scanning import sets
        from raysearch.scanning import settings as settings_module

        spaces = {"pretender": level_space}
        monkeypatch.setattr(sets, "SPACES", spaces)
        monkeypatch.setattr(settings_module, "SPACES", spaces)
        return pretend(rule, **settings)

    return of


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a scan of toy events by some executor, in a directory that may hold a part of it.

    No figure is drawn, which would take longer than the rest.
    """
    from raysearch.scanning import report

    monkeypatch.setattr(report, "write_scan_report", lambda directory, about, table: directory)

    def of(executor, out="scan", **changed):
        from raysearch.files import write_json
        from raysearch.inputs import Inputs
        from raysearch.scanning.execute import execute
        from raysearch.scanning.result import SCAN, Scan
        from raysearch.scanning.settings import ScanSettings

        chosen = {"n_signal": (0, 100), "detectors": ("pretender",), "sets": 3, "repeats": 2}
        settings = ScanSettings(**{**chosen, **changed})
        directory = tmp_path / out
        if not directory.is_dir():
            directory.mkdir()
            about = {"schema": 1, "settings": settings.as_json(), "inputs": {}, "complete": False}
            write_json(directory / SCAN, about)
        inputs = Inputs(toy_events(3000, 300), None, None)
        given = dict.fromkeys(settings.features, inputs)
        return execute(Scan(directory), settings, given, executor, lambda line: None)

    return of


@pytest.fixture
def journal():
    """The entries of a scan's journal."""

    def of(scan):
        lines = (scan.directory / "journal.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    return of
