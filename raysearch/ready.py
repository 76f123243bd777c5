"""The samples of a new study and its connection to Ray, the one that needs less time first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from raysearch.backgrounds import Cathode
from raysearch.connection import connected
from raysearch.density import Conduct
from raysearch.inputs import Inputs
from raysearch.prepare import PreparedStudy, prepare_study, rehearse
from raysearch.progress import Halt, Say
from raysearch.settings import Settings


@contextmanager
def ready(
    inputs: Inputs,
    settings: Settings,
    address: str | None,
    gpus_per_trial: float,
    say: Say,
    halt: Halt,
) -> Iterator[PreparedStudy]:
    """A connection for the length of the block, and what the trials see.

    A density is trained here, before Ray starts. Several of them are trained by Ray's workers, once
    what nobody can prepare has been refused.

    Args:
        inputs: the events.
        settings: of the study.
        address: as for `connected`.
        gpus_per_trial: share of a GPU.
        say: receives progress, line by line.
        halt: asked all the time while densities are trained whether to end early.

    Raises:
        InputError: as `prepare_study` and `connected`.
        KeyboardInterrupt: if `halt` ended it, as Ctrl-C does.
    """
    if Cathode.name not in settings.mode or settings.cathode.trials == 1:
        prepared = prepare_study(inputs, settings, conduct=Conduct(say, halt))
        with connected(address, gpus_per_trial, say):
            yield prepared
        return
    for view in settings.views:
        rehearse(inputs, settings, view)
    with connected(address, gpus_per_trial, say):
        from raysearch.tuning.densities import on_workers

        yield prepare_study(inputs, settings, conduct=Conduct(say, halt, on_workers))
