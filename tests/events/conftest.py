import pytest
from event_stores import FEATURES, jets, write_store

from raysearch.events import read_events


@pytest.fixture
def features_file(tmp_path):
    return write_store(tmp_path / "any.name", jets([*FEATURES, "label"]))


@pytest.fixture
def events(features_file):
    return read_events(features_file)
