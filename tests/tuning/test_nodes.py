"""Studies over several nodes: one is killed, GPUs are shared, nodes come and go with the work."""

import os
import sys
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from nodes import QUIET, SLEEPERS, autoscaled, cluster, elsewhere, run_trials, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("head")]


def killed_node(backend):
    """Trials over two nodes, one of which is killed; also how many were told."""
    told = []
    with (
        tempfile.TemporaryDirectory() as name,
        cluster({"num_cpus": 1}, {"num_cpus": 1}, runtime_env=SLEEPERS) as (made, nodes),
    ):

        def kill_once(index, record):
            told.append(index)
            if len(told) == 6:
                made.remove_node(nodes[1], allow_graceful=False)

        records = run_trials(24, backend, 0.5, Path(name), kill_once)
    return records, told


@pytest.mark.parametrize("backend", ["direct", "tune"])
def test_a_node_that_is_killed_costs_no_trial(backend):
    records, told = elsewhere(killed_node, backend)
    assert sorted(records) == sorted(told) == list(range(24))
    assert {record.state for record in records.values()} == {"COMPLETE"}


def shared_from(node, samples):
    """Samples of which a node has the only copy, and which Ray cannot make anew."""
    import ray

    from raysearch.tuning.cluster import Shared

    def made(sample):
        # What is small would go back to the driver.
        return replace(sample, test=np.zeros((100_000, 2), np.float32))

    there = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node.node_id, soft=False)
    make = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=there)(made)
    return Shared({view: make.remote(sample) for view, sample in samples.items()}, samples)


def lost_events(backend):
    """Trials on a node that is killed with the only copy of the events; another takes its place."""
    told = []
    with (
        tempfile.TemporaryDirectory() as name,
        cluster({"num_cpus": 2}, runtime_env=SLEEPERS) as (made, (node,)),
    ):

        def kill_once(index, record):
            told.append(index)
            if len(told) == 6:
                made.remove_node(node, allow_graceful=False)
                made.add_node(num_cpus=2)

        records = run_trials(
            24, backend, 0.3, Path(name), kill_once, lambda samples: shared_from(node, samples)
        )
    return records, told


@pytest.mark.parametrize("backend", ["direct", "tune"])
def test_events_that_are_lost_with_their_node_are_put_again(backend):
    records, told = elsewhere(lost_events, backend)
    assert sorted(records) == sorted(told) == list(range(24))
    assert {record.state for record in records.values()} == {"COMPLETE"}


def space_of_both(trial):
    """Networks and trees in turn, each of which writes down where it runs."""
    kind = trial.suggest_categorical("kind", ["network", "trees"])
    trial.suggest_float("x", 0, 1)
    where = {"detector": kind, "parameters": {"log": os.environ["WHERE"], "seconds": 0.4}}
    return where


def fractions():
    """Where trials of both kinds ran on a node with a GPU and one without."""
    tests = str(Path(__file__).parent)
    with tempfile.TemporaryDirectory() as name:
        log = Path(name, "where")
        os.environ["WHERE"] = str(log)
        os.environ["PYTHONPATH"] = os.pathsep.join([tests, *sys.path])
        nodes = {"num_cpus": 4, "num_gpus": 1}, {"num_cpus": 2}
        hook = {"worker_process_setup_hook": "placed_detectors.install"}
        with cluster(*nodes, runtime_env=hook) as (_, started):
            import placed_detectors

            placed_detectors.install()
            space = "test_nodes:space_of_both"
            how = {"space": space, "gpus_per_trial": 0.5, "trials_per_pack": 1}
            records = run_trials(16, "tune", 0.0, Path(name), **how)
            names = [node.node_id for node in started]
        return records, names, [line.split() for line in log.read_text().splitlines()]


def test_networks_share_gpus_and_trees_leave_them_alone():
    records, (with_gpu, _), lines = elsewhere(fractions)
    assert {record.state for record in records.values()} == {"COMPLETE"}
    spans = defaultdict(list)
    for kind, node, gpus, start, end in lines:
        spans[kind].append((float(start), float(end)))
        if kind == "network":
            assert (node, gpus) == (with_gpu, "0")
        else:
            assert gpus == "none"
    assert len(spans) == 2
    assert most_at_once(spans["network"]) <= 2  # halves of one GPU


def most_at_once(spans):
    return max(sum(a <= start < b for a, b in spans) for start, _ in spans)


def scaled():
    """Nodes before and during a study on a cluster of none, and its records; all leave again."""

    about = yaml.safe_load((Path(__file__).parents[2] / "cluster.yaml").read_text())
    cpu = about["available_node_types"]["cpu_worker"]
    types = {
        "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
        "cpu_worker": {
            "resources": {"CPU": 1},
            "node_config": {},
            "min_workers": cpu["min_workers"],
            "max_workers": 2,
        },
        "gpu_worker": {"resources": {"CPU": 1, "GPU": 1}, "node_config": {}, "max_workers": 1},
    }

    def alive():
        import ray

        return [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]

    with tempfile.TemporaryDirectory() as name, autoscaled(types, idle_s=5) as address:
        import ray  # with the environment that leads to this head

        ray.init(address=address, runtime_env=SLEEPERS, **QUIET)
        most = []
        began = len(alive())
        records = run_trials(60, "direct", 0.5, Path(name), lambda *_: most.append(len(alive())))
        wait_for(lambda: not alive(), 60)
        ray.shutdown()
    return began, max(most), records


def test_nodes_come_when_trials_wait_and_go_when_idle():
    began, most, records = elsewhere(scaled)
    assert began == 0
    assert 2 <= most <= 3
    assert sorted(records) == list(range(60))
    assert {record.state for record in records.values()} == {"COMPLETE"}
