"""A Ray of a benchmark's own, whose workers know detectors that nobody else does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module

import ray

from raysearch import detectors
from raysearch.detectors import Detector
from raysearch.errors import InputError


def add_detectors(added: Mapping[str, Detector]) -> None:
    """Put detectors among the known ones of this process."""
    detectors.DETECTORS = {**detectors.DETECTORS, **added}


@contextmanager
def workers_that(install: str, cpus: int | None = None) -> Iterator[None]:
    """A Ray whose workers, and this process meanwhile, have run a function of no arguments.

    Args:
        install: the function, as "module.function".
        cpus: of this Ray; None for those of the machine.

    Raises:
        InputError: if this process is connected to another Ray.
    """
    if ray.is_initialized():
        raise InputError(
            "this is measured on a Ray of its own, but one is connected; call ray.shutdown() first."
        )
    ray.init(
        "local",
        num_cpus=cpus,
        include_dashboard=False,
        logging_level="ERROR",
        log_to_driver=False,
        runtime_env={"worker_process_setup_hook": install},
    )
    before = detectors.DETECTORS
    module, _, function = install.rpartition(".")
    getattr(import_module(module), function)()
    try:
        yield
    finally:
        detectors.DETECTORS = before
        ray.shutdown()
