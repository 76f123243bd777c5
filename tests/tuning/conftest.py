import sys
from pathlib import Path

import pytest

from raysearch import surrogate_events

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def events():
    """Labelled surrogate events of all masses: about 2,000 of background in the signal region."""
    return surrogate_events(15_000, 2_000, seed=11)


@pytest.fixture(scope="session")
def events_file(events, tmp_path_factory):
    from raysearch import write_columns

    path = tmp_path_factory.mktemp("events") / "events.h5"
    write_columns(path, events)
    return path
