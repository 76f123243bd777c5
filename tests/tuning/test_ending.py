"""Why a search ends early."""

import signal
import threading
import time

from raysearch.records import INTERRUPTED
from raysearch.tuning.ending import Ending


def test_nothing_is_due_of_itself():
    assert not Ending().is_due
    assert Ending().reason is None


def test_a_time_budget_is_used_up():
    ending = Ending(1e-3)
    time.sleep(0.01)
    assert ending.is_due
    assert ending.reason == "the time budget is used up"


def test_who_is_replaced_ends_as_by_ctrl_c_also_once_the_time_is_up():
    event = threading.Event()
    ending = Ending(3600.0, event.is_set)
    assert not ending.is_due
    event.set()
    assert ending.is_due
    assert ending.reason == INTERRUPTED
    both = Ending(1e-9, lambda: True)
    time.sleep(0.001)
    assert both.is_due
    assert both.reason == INTERRUPTED


def test_ctrl_c_is_due_and_leaves_the_handler_as_it_was():
    ending, before = Ending(), signal.getsignal(signal.SIGINT)
    with ending.on_ctrl_c():
        signal.raise_signal(signal.SIGINT)
        assert ending.is_due
        assert ending.reason == INTERRUPTED
        assert signal.getsignal(signal.SIGINT) == before
