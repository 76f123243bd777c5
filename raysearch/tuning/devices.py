"""Which devices a process of Ray may use."""

from __future__ import annotations

import os

import ray


def hide_unassigned_gpus() -> None:
    """Let this process see no GPU unless Ray has assigned it one; call it before CUDA is used.

    Ray hides the GPUs of others from those that hold one, but shows all of them to those that
    hold none, which would crowd onto the first. Since CUDA looks once, a process that has asked
    for its devices under this rule never sees one.
    """
    if not ray.get_runtime_context().get_accelerator_ids().get("GPU"):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
