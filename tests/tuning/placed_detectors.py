"""Sleepers that write down where they sleep: one is a network, one is trees."""

import time
from pathlib import Path

from raysearch.benchmarks.sleepers import Sleep, Sleeper
from raysearch.benchmarks.workers import add_detectors


class Placed(Sleeper):
    """A sleeper; a network may be trained with others, trees may not."""

    def pack_key(self, parameters):
        return "one" if self.name == "network" else None

    def fit(self, rows, members, parameters, *, epochs):
        import ray

        start = time.time()
        time.sleep(parameters[0]["seconds"])
        context = ray.get_runtime_context()
        gpus = ",".join(context.get_accelerator_ids().get("GPU", [])) or "none"
        line = f"{self.name} {context.get_node_id()} {gpus} {start} {time.time()}\n"
        with Path(parameters[0]["log"]).open("a") as file:
            file.write(line)
        return Sleep(len(members), 1, 0.0, "")


def install():
    """Put both among the known detectors."""
    add_detectors({name: Placed(name) for name in ("network", "trees")})
