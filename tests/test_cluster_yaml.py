"""cluster.yaml is valid for the installed Ray."""

from pathlib import Path

import pytest
import yaml


@pytest.mark.filterwarnings("default")
def test_cluster_yaml_satisfies_rays_own_schema():
    from ray.autoscaler._private.util import prepare_config, validate_config

    path = Path(__file__).parents[1] / "cluster.yaml"
    config = prepare_config(yaml.safe_load(path.read_text()))
    validate_config(config)
    assert {"head", "cpu_worker", "gpu_worker"} == set(config["available_node_types"])
