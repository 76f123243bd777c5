"""Events keep their rules."""

import numpy as np
import pytest

from raysearch import Events, InputError


def made(**changed):
    parts = {
        "features": np.zeros((3, 1), np.float32),
        "columns": ("x",),
        "units": ("1",),
        "mjj_tev": np.ones(3, np.float32),
        "labels": np.array([True, False, True]),
    }
    return Events(**{**parts, **changed})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("features", np.zeros((3, 1))),
        ("mjj_tev", np.ones(3)),
        ("labels", np.array([1, 0, 1])),
    ],
)
def test_a_wrong_type_is_refused_with_the_remedy(name, value):
    with pytest.raises(InputError, match=f"{name} must be of type .*astype"):
        made(**{name: value})


def test_events_are_read_only_and_leave_the_callers_array_alone():
    mine = np.ones(3, np.float32)
    events = made(mjj_tev=mine)
    mine[0] = 2
    with pytest.raises(ValueError, match="read-only"):
        events.mjj_tev[0] = 3
