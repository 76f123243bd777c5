"""cluster.yaml is valid for the installed Ray."""

from copy import deepcopy
from pathlib import Path

import pytest
import yaml

CONFIG = yaml.safe_load((Path(__file__).parents[1] / "cluster.yaml").read_text())


@pytest.mark.parametrize("kind", ["head", "worker"])
def test_its_nodes_demand_a_token_and_let_a_stopped_job_write_its_report(kind):
    (start,) = (c for c in CONFIG[f"{kind}_start_ray_commands"] if "ray start" in c)
    given = dict(word.split("=", 1) for word in start.split(";")[-1].split() if word[:4] == "RAY_")
    assert given["RAY_AUTH_MODE"] == "token"
    assert given["RAY_JOB_STOP_SIGNAL"] == "SIGINT"
    assert float(given["RAY_JOB_STOP_WAIT_TIME_S"]) >= 60
    assert (kind == "head") == ("--dashboard-host=127.0.0.1" in start)
    assert any(path.endswith(".ray/auth_token") for path in CONFIG["file_mounts"])


@pytest.mark.filterwarnings("default")
def test_cluster_yaml_satisfies_rays_own_schema():
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = prepare_config(deepcopy(CONFIG))
    validate_config(config)
    assert {"head", "cpu_worker", "gpu_worker"} == set(config["available_node_types"])
