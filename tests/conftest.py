import os

import hypothesis
import pytest

pytest_plugins = ["scans", "jobs_head", "traps", "drivers", "object_stores"]
# Doctests are looked for in every module; two of the name conftest could not both be one.
collect_ignore_glob = ["*conftest.py"]


def pytest_configure(config):
    # Two processes run the tests on two cores: more threads would only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # How long an example takes says what else the machine does.
    hypothesis.settings.register_profile("raysearch", deadline=None)
    hypothesis.settings.load_profile("raysearch")


@pytest.fixture(scope="session")
def local_ray():
    """A Ray of two CPUs on this machine, shared by all tests of the group "ray"."""
    import ray

    ray.init("local", num_cpus=2, include_dashboard=False)
    yield
    ray.shutdown()


@pytest.fixture
def undrawn(monkeypatch):
    """Reports have no figures, which nobody looks at and which take longer than all other pages."""
    monkeypatch.setattr("raysearch.report.figures.FIGURES", {})


@pytest.fixture
def pretend(monkeypatch):
    """Puts a pretending detector among the known ones; see `toys.Pretender`."""
    from toys import Pretender

    from raysearch import detectors

    def of(rule, **settings):
        made = Pretender(rule, **settings)
        monkeypatch.setattr(detectors, "DETECTORS", {**detectors.DETECTORS, made.name: made})
        return made

    return of
