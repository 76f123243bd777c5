"""Toys on a cluster that grows while they are made."""

import time

import pytest
from nodes import cluster, elsewhere

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("head")]


def grown():
    """Batches in flight at most before and after a node joins, and the nodes that made them."""
    import numpy as np
    import ray

    from raysearch.nplm import parallel
    from raysearch.nplm.work import Batch

    def where(shared, batch):
        time.sleep(0.3)
        return np.array([[int(ray.get_runtime_context().get_node_id()[:12], 16)]])

    taken = []
    jobs = ((taken.append(k), Batch(None, (k,))) for k in range(60))
    parallel._FEWEST_IN_FLIGHT, parallel._IN_FLIGHT_PER_CPU = 3, 2
    in_flight, nodes = {False: [], True: []}, set()
    with cluster({"num_cpus": 1}) as (made, _):
        has_grown = False
        for done, (_, values) in enumerate(parallel.run_tasks(where, jobs), 1):
            nodes.add(int(values[0, 0]))
            in_flight[has_grown].append(len(taken) - done)
            if done == 5:
                made.add_node(num_cpus=2)
                made.wait_for_nodes()
                has_grown = True
    return {has: max(counts) for has, counts in in_flight.items()}, len(nodes), len(taken)


def test_as_many_batches_wait_as_the_cluster_has_grown_to():
    in_flight, nodes, taken = elsewhere(grown)
    # One of them has just been handed over.
    assert in_flight == {False: 2, True: 5}
    assert (nodes, taken) == (2, 60)
