"""How many trials a device trains as one pack; asked where they will be trained."""

from __future__ import annotations

import ray

from raysearch.detectors import detector
from raysearch.samples import TwoSample
from raysearch.settings import Resources
from raysearch.training.capacity import pack_size
from raysearch.training.kernel import kernel
from raysearch.training.layout import Layout
from raysearch.training.memory import Workload
from raysearch.tuning.devices import hide_unassigned_gpus
from raysearch.tuning.task import Task


def capacity(task: Task, resources: Resources) -> int:
    """Trials in a pack at most.

    The compiled kernel needs no packs, so that a study on CPUs does not even ask. Otherwise one
    worker measures the detector's default network, as it would train it.
    """
    if resources.trials_per_pack is not None:
        return resources.trials_per_pack
    if not resources.gpus_per_trial and kernel() is not None:
        return 1
    measure = ray.remote(num_cpus=1, num_gpus=resources.gpus_per_trial)(measured_capacity)
    found: int = ray.get(measure.remote(task.sample, task.repeats))
    return found


def measured_capacity(sample: TwoSample, repeats: int) -> int:
    """Trials in a pack at most on this worker's device."""
    hide_unassigned_gpus()
    defaults = detector("mlp").defaults
    hidden = (int(defaults["width"]),) * int(defaults["layers"])
    rows, test = len(sample.rows.features), 0 if sample.test is None else len(sample.test)
    workload = Workload(
        Layout(len(sample.columns), hidden), int(defaults["batch_size"]), rows // 2, max(rows, test)
    )
    return max(1, pack_size(workload, judged=repeats) // repeats)
