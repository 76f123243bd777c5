"""The progress of a search among Ray's own metrics, as Prometheus would read them."""

import time
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from raysearch.records import Record
from raysearch.settings import Settings
from raysearch.tuning.gauges import Gauges
from raysearch.tuning.history import History

# Ray's agent gathers metrics every few seconds.
PATIENCE_S = 60


def exported(name):
    """Samples of a metric on this machine's node, by labels."""
    import ray

    port = ray.nodes()[0]["MetricsExportPort"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return [s for family in families for s in family.samples if s.name == name]


def await_samples(name, study):
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        found = [s for s in exported(name) if s.labels.get("study") == study]
        if found:
            return found
        time.sleep(0.5)
    pytest.fail(f"Ray exports no {name} of {study}")


@pytest.mark.xdist_group("ray")
def test_prometheus_reads_the_progress_next_to_rays_own_metrics(local_ray, tmp_path):
    settings = Settings(trials=4, space="hgb", sampler="random")
    history = History(tmp_path, settings)
    gauges = Gauges("gauged", history, settings)
    for value in (0.2, 0.5):
        _, trial = history.ask()
        history.begin(trial)
        record = Record("COMPLETE", {"val_sic": [value]}, 1, 2.0, None, "hgb")
        history.finish(trial, record)
        gauges(record)
    history.ask()
    gauges(Record("FAIL", {}, 0, 0.0, "no reason", "hgb"))
    (best,) = await_samples("ray_raysearch_best_objective", "gauged")
    assert best.value == 0.5
    assert best.labels["objective"] == "val_sic"
    states = {s.labels["state"]: s.value for s in await_samples("ray_raysearch_trials", "gauged")}
    assert states["complete"] == 2
    assert states["fail"] == 1
    (asked,) = await_samples("ray_raysearch_trials_asked", "gauged")
    assert asked.value == 4
    (seconds,) = await_samples("ray_raysearch_trial_seconds_total", "gauged")
    assert seconds.value == 4.0
