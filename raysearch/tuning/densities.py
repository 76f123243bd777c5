"""Densities of several sets of hyperparameters as Ray tasks, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import ray

from raysearch.density import Density, Fit
from raysearch.progress import Halt, Say, never
from raysearch.tuning.devices import hide_unassigned_gpus

_LOOK_EVERY_S = 0.5


def on_workers(fits: Sequence[Fit], say: Say, halt: Halt) -> Iterator[Density | None]:
    """Run them on the cluster that this process is connected to; see `raysearch.density.Runs`.

    One whose worker dies, and dies again, costs no other: there is no density of it.

    Args:
        fits: each runs on one core.
        say: receives what was lost.
        halt: asked all the time whether to end early.

    Raises:
        InputError: as the fits.
        KeyboardInterrupt: if `halt` ended it, as Ctrl-C does.
    """
    task = ray.remote(num_cpus=1, max_retries=3)(_run)
    results = [task.remote(fit) for fit in fits]
    say(f"training {len(fits)} densities side by side")
    try:
        for index, result in enumerate(results):
            _wait(result, halt)
            yield _density(result, index, say)
    finally:
        for result in results:
            ray.cancel(result, force=False)


def _wait(result: ray.ObjectRef[Density | None], halt: Halt) -> None:
    while not ray.wait([result], timeout=_LOOK_EVERY_S)[0]:
        if halt():
            raise KeyboardInterrupt


def _density(result: ray.ObjectRef[Density | None], index: int, say: Say) -> Density | None:
    try:
        found: Density | None = ray.get(result)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        say(f"density {index + 1} was lost: {str(error).splitlines()[0]}")
        return None
    return found


def _run(fit: Fit) -> Density | None:
    hide_unassigned_gpus()
    return fit(lambda _: None, never)
