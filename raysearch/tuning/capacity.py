"""How many trials a device trains as one pack; asked where they will be trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import ray

from raysearch.packs import workload_of, worthwhile
from raysearch.progress import Say
from raysearch.samples import TwoSample, View
from raysearch.settings import Resources
from raysearch.training.kernel import kernel
from raysearch.training.memory import expected_packs
from raysearch.trial import Setup
from raysearch.tuning.devices import hide_unassigned_gpus
from raysearch.tuning.task import Task

# The network that stands for all when trials are given out; where they are trained, each layout is
# measured by itself.
_DEFAULT = Setup("", "", "mlp", {})


def with_capacity(task: Task, resources: Resources, say: Say) -> Task:
    """The task with the number of trials that a worker is given for a pack at most.

    The compiled kernel needs no packs, so that a study on CPUs does not even ask. Otherwise one
    worker measures the default network, as it would train it.

    Args:
        task: what the trials share.
        resources: of a trial.
        say: told what was found, and what the memory of usual GPUs would hold.
    """
    if resources.trial_timeout_s is not None:
        return task  # a limit is one trial's own: none may wait for, or end with, another
    if resources.trials_per_pack is not None:
        return replace(task, capacity=resources.trials_per_pack)
    if not resources.gpus_per_trial and kernel() is not None:
        return task
    share = min(1.0, resources.gpus_per_trial) or 1.0
    measure = ray.remote(num_cpus=1, num_gpus=resources.gpus_per_trial)(measured_capacity)
    found, expected = ray.get(measure.remote(task.samples, task.repeats, share))
    say(f"packs of up to {found} networks' trials pay here; {expected}")
    return replace(task, capacity=found, share=share)


def measured_capacity(
    samples: Mapping[View, TwoSample], repeats: int, share: float = 1.0
) -> tuple[int, str]:
    """Trials in a pack at most on this worker's device, and what usual GPUs would hold.

    Of the first sample; where trials are trained, each is measured on its own.
    """
    hide_unassigned_gpus()
    sample = next(iter(samples.values()))
    workload = workload_of(_DEFAULT, sample)
    expected = "" if workload is None else expected_packs(workload, repeats)
    return worthwhile(_DEFAULT, sample, repeats, share) or 1, expected
