"""cluster.yaml is valid for the installed Ray."""

from copy import deepcopy
from pathlib import Path

import pytest
import yaml

TEXT = (Path(__file__).parents[1] / "cluster.yaml").read_text()
CONFIG = yaml.safe_load(TEXT)


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


@pytest.mark.filterwarnings("default")
def test_so_does_what_its_comments_give_for_machines_on_premises():
    from ray.autoscaler._private.util import prepare_config, validate_config

    told = "\n".join(line[4:] for line in TEXT.splitlines() if line.startswith("#   "))
    premises = yaml.safe_load(told[told.index("provider:") : told.index("\n- sudo mount")])
    assert list(premises) == ["provider", "auth"]
    kept = {key: value for key, value in CONFIG.items() if key not in REPLACED}
    config = prepare_config({**kept, **premises})
    validate_config(config)
    assert config["max_workers"] == 2


REPLACED = ("available_node_types", "head_node_type", "max_workers")
