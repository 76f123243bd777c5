"""Densities of several sets of hyperparameters as Ray tasks, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TypeAlias

import ray

from raysearch.density import Fit, Sidebands
from raysearch.density.fit import Density
from raysearch.progress import Halt, Say, never
from raysearch.tuning.devices import hide_unassigned_gpus

_LOOK_EVERY_S = 0.5
Result: TypeAlias = "ray.ObjectRef[Density | None]"


def on_workers(
    fits: Sequence[Fit], parts: Sidebands, say: Say, halt: Halt
) -> Iterator[Density | None]:
    """Run them on the cluster that this process is connected to; see `raysearch.density.Runs`.

    What the cluster loses, and loses again, is trained in this process: which density is the best
    must not depend on who died.

    Args:
        fits: each runs on one core.
        parts: what they learn from.
        say: receives how many have ended, and what was lost.
        halt: asked all the time whether to end early.

    Raises:
        InputError: as the fits.
        KeyboardInterrupt: if `halt` ended it, as Ctrl-C does.
    """
    task = ray.remote(num_cpus=1, max_retries=3)(_run)
    shared = ray.put(parts)
    results = [task.remote(fit, shared) for fit in fits]
    say(f"training {len(fits)} densities side by side")
    try:
        _wait(results, say, halt)
        for index, (fit, result) in enumerate(zip(fits, results, strict=True)):
            try:
                yield _density(result)
            except ray.exceptions.RayError as error:
                reason = str(error).strip().splitlines()[0]
                say(f"density {index + 1} was lost ({reason}) and is trained here")
                yield fit(parts, say, halt)
    finally:
        # The connection may be what has broken.
        with suppress(ray.exceptions.RayError):
            for result in results:
                ray.cancel(result, force=False)


def _wait(results: Sequence[Result], say: Say, halt: Halt) -> None:
    left = list(results)
    while left:
        if halt():
            raise KeyboardInterrupt
        ended, left = ray.wait(left, timeout=_LOOK_EVERY_S)
        if ended:
            say(f"{len(results) - len(left)} of {len(results)} densities have ended")


def _density(result: Result) -> Density | None:
    """What a fit gave; what it raised is raised, but not what the system did."""
    try:
        found: Density | None = ray.get(result)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, ray.exceptions.RayError):
            raise
        raise error.cause from error
    return found


def _run(fit: Fit, parts: Sidebands) -> Density | None:
    hide_unassigned_gpus()
    return fit(parts, lambda _: None, never)
