import sys
from dataclasses import replace
from pathlib import Path

import pytest

from raysearch import surrogate_events
from raysearch.detectors.trees import TreeDetector

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module", autouse=True)
def small_ensembles():
    """One partition of trees in a final ensemble instead of two, which show nothing more here."""
    from raysearch import detectors

    small = {
        name: replace(of, ensemble_size=5) if isinstance(of, TreeDetector) else of
        for name, of in detectors.DETECTORS.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detectors, "DETECTORS", small)
        yield


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
