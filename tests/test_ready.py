"""What is refused before a study's directory is held, and what is left to do after."""

import pytest
from toys import QUICK_CATHODE, toy_events

from raysearch.errors import InputError
from raysearch.inputs import Inputs
from raysearch.progress import never
from raysearch.ready import preparation
from raysearch.settings import Settings


def asked(events, mode, **settings):
    said = []
    settings = Settings(mode=(mode,), cathode=QUICK_CATHODE, n_signal=150, **settings)
    return preparation(Inputs(events, None, None), settings, said.append, never), said


def test_without_a_density_everything_is_ready():
    prepare, said = asked(toy_events(), "cwola")
    assert prepare() is prepare()
    assert not said


def test_a_density_is_trained_by_the_call_alone():
    prepare, said = asked(toy_events(), "cathode")
    assert not said
    prepared = prepare()
    assert said[0].startswith("training the density")
    assert set(prepared.densities) == {"baseline"}


def test_thin_sidebands_are_refused_at_once():
    with pytest.raises(InputError, match="at least 500 data events in each sideband"):
        asked(toy_events(), "cathode", signal_region_tev=(3.05, 3.7))


def test_a_question_ends_the_training():
    settings = Settings(mode=("cathode",), cathode=QUICK_CATHODE, n_signal=150)
    prepare = preparation(Inputs(toy_events(), None, None), settings, print, lambda: True)
    with pytest.raises(KeyboardInterrupt):
        prepare()
