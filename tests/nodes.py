"""Clusters of several Ray nodes on this machine, each used by a driver of its own.

Ray knows one cluster in a process, and the tests of a process share one: what is done on several
nodes is done in a new process.
"""

import os
import subprocess
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import psutil
import yaml

SLEEPERS = {"worker_process_setup_hook": "raysearch.benchmarks.sleepers.install"}
QUIET = {"logging_level": "ERROR", "log_to_driver": False}
# As in Ray's own module, which would import Ray.
FAKE_HEAD_NODE_ID = "f" * 51 + "00000"
COMMANDS = ("initialization", "setup", "head_setup", "worker_setup")
COMMANDS += ("head_start_ray", "worker_start_ray")
PROVIDER = "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider"


def elsewhere(function, *arguments):
    """What a function of this or another module returns in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result(timeout=300)


@contextmanager
def cluster(*nodes, runtime_env=None):
    """A head without CPUs and the nodes of these resources; this process is connected to it."""
    import ray
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    started = [made.add_node(**resources) for resources in nodes]
    ray.init(address=made.address, runtime_env=runtime_env, **QUIET)
    try:
        yield made, started
    finally:
        ray.shutdown()
        made.shutdown()


def run_trials(trials, backend, seconds, folder, on_record=lambda *_: None, shared=None, **how):
    """Records of a random search among sleepers, by index; needs a connection to Ray.

    The samples are put into the object store by `shared`, if it is given.
    """
    from raysearch.benchmarks import sleepers
    from raysearch.settings import Resources, Settings
    from raysearch.tuning.cluster import share
    from raysearch.tuning.history import History
    from raysearch.tuning.run import run_search
    from raysearch.tuning.task import Task

    sleepers.install()
    space = how.pop("space", sleepers.SPACE)
    settings = Settings(trials=trials, repeats=1, sampler="random", space=space)
    history = History(folder, settings)
    samples = (shared or share)(dict.fromkeys(settings.views, sleepers.sample()))
    task = Task(samples, 1, settings.seed)
    log = folder / "sleeps"
    with sleepers.told(seconds, log):
        run_search(history, task, settings, Resources(backend=backend, **how), on_record, print)
    return {index: record for index, (_, record) in history.records().items()}


@contextmanager
def autoscaled(types, idle_s):
    """A head that starts and stops nodes of these types as they are needed, and its address.

    Ray must not have been imported: this process is told of the head by its environment.
    """
    from raysearch.access import make_token
    from raysearch.service.head_command import free_ports, head_command, head_environment

    ports = free_ports()
    address = f"127.0.0.1:{ports.gcs}"
    about = {
        "cluster_name": "fake",
        "max_workers": 4,
        "idle_timeout_minutes": idle_s / 60,
        "provider": {
            "type": "external",
            "module": PROVIDER,
            "gcs_address": address,
            "head_node_id": FAKE_HEAD_NODE_ID,
            "launch_multiple": True,
        },
        "auth": {},
        "available_node_types": types,
        "head_node_type": "ray.head.default",
        "file_mounts": {},
        "cluster_synced_files": [],
        "file_mounts_sync_continuously": False,
        **{f"{what}_commands": [] for what in COMMANDS},
    }
    fake = {
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_FAKE_CLUSTER": "1",
        "RAY_enable_autoscaler_v2": "1",
        "RAY_CLOUD_INSTANCE_ID": FAKE_HEAD_NODE_ID,
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_NODE_ID,
    }
    with tempfile.TemporaryDirectory(prefix="r") as folder:
        config, token = Path(folder, "config.yaml"), Path(folder, "token")
        make_token(token)
        os.environ.update(head_environment(token))
        config.write_text(yaml.safe_dump(about))
        words = head_command(ports, Path(folder, "ray"))
        words += ["--num-cpus=0", f"--autoscaling-config={config}"]
        with Path(folder, "log").open("w") as log:
            head = subprocess.Popen(words, env={**os.environ, **fake}, stdout=log, stderr=log)
        try:
            wait_for(lambda: "started" in Path(folder, "log").read_text(), 120)
            yield address
        finally:
            for process in [*psutil.Process(head.pid).children(recursive=True), head]:
                process.kill()
            head.wait()


def wait_for(condition, seconds):
    """Until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{condition} within {seconds} s")
        time.sleep(0.2)
