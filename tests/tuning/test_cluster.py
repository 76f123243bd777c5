"""What workers find in the object store."""

import os
import stat

import pytest
import ray
from toys import toy_sample

from raysearch.samples import View
from raysearch.tuning import cluster
from raysearch.tuning.cluster import share

VIEW = View("idealised", "baseline")
pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.filterwarnings("default")]


def test_workers_get_the_ranks_of_the_features_without_sorting_them(local_ray):
    @ray.remote
    def seen(samples):
        kept = vars(samples[VIEW].rows)["ranks"]
        return kept.of_rows.tolist(), kept.of_rows.flags.writeable

    sample = toy_sample(n_data=1000, n_template=1000)
    of_rows, is_a_copy = ray.get(seen.remote(share({VIEW: sample})))
    assert of_rows == sample.rows.ranks.of_rows.tolist()
    assert not is_a_copy


def test_the_token_of_a_head_of_ones_own_is_private(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", "elsewhere")
    cluster._keep_token_private()
    assert list(tmp_path.iterdir()) == []
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH")
    cluster._keep_token_private()
    assert stat.S_IMODE((tmp_path / ".ray" / "auth_token").stat().st_mode) == 0o600


@pytest.mark.parametrize("by_user", [None, "500"])
def test_workers_are_kept_for_more_tasks_unless_the_user_says_otherwise(by_user, monkeypatch):
    name, held = "RAY_worker_lease_timeout_milliseconds", []
    monkeypatch.setenv(name, by_user or "")
    if by_user is None:
        monkeypatch.delenv(name)
    monkeypatch.setattr(cluster.ray, "is_initialized", lambda: False)
    monkeypatch.setattr(cluster.ray, "init", lambda **_: held.append(os.environ[name]))
    monkeypatch.setattr(cluster.ray, "shutdown", lambda: None)
    with cluster.connected("local"):
        assert held == [by_user or "10000"]
