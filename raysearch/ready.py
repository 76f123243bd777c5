"""What is left to do before a new study has its samples, once nothing can be refused."""

from __future__ import annotations

from collections.abc import Callable

from raysearch.backgrounds import Cathode
from raysearch.density import Conduct
from raysearch.inputs import Inputs
from raysearch.prepare import PreparedStudy, prepare_study, rehearse
from raysearch.progress import Halt, Say
from raysearch.settings import Settings


def preparation(
    inputs: Inputs, settings: Settings, say: Say, halt: Halt
) -> Callable[[], PreparedStudy]:
    """Prepare the samples, but leave what takes long to the call of what is returned.

    Densities take minutes: they are trained once the study's directory is held, so that no other
    process trains them too; several of them on the cluster that the caller is connected to.

    Args:
        inputs: the events.
        settings: of the study.
        say: receives progress, line by line.
        halt: asked all the time while densities are trained whether to end early.

    Raises:
        InputError: as `prepare_study`; by the call only what a training finds.
        KeyboardInterrupt: by the call, if `halt` ended it, as Ctrl-C does.
    """
    if Cathode.name not in settings.mode:
        prepared = prepare_study(inputs, settings)
        return lambda: prepared
    for view in settings.views:
        rehearse(inputs, settings, view)

    def train() -> PreparedStudy:
        from raysearch.tuning.densities import on_workers

        return prepare_study(inputs, settings, conduct=Conduct(say, halt, on_workers))

    return train
