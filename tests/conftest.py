import pytest


@pytest.fixture(scope="session")
def local_ray():
    """A Ray of two CPUs on this machine, shared by all tests of the group "ray"."""
    import ray

    ray.init(num_cpus=2, include_dashboard=False)
    yield
    ray.shutdown()
