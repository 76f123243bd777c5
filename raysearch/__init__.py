"""raysearch: which anomaly-detection setup should we trust, judged from the data alone?"""

from typing import TYPE_CHECKING

from raysearch.late import late

if TYPE_CHECKING:
    from raysearch.api import resume, search
    from raysearch.errors import InputError
    from raysearch.events import Events, read_events, write_columns
    from raysearch.events.surrogate import surrogate_events
    from raysearch.live.interface import dashboard
    from raysearch.nplm import nplm_test
    from raysearch.scanning import scan
    from raysearch.service.submission import submit
    from raysearch.study import Study, load_study
    from raysearch.trial import Setup, run_trial

__all__ = [
    "Events",
    "InputError",
    "Setup",
    "Study",
    "dashboard",
    "load_study",
    "nplm_test",
    "read_events",
    "resume",
    "run_trial",
    "scan",
    "search",
    "submit",
    "surrogate_events",
    "write_columns",
]

_HOMES = {
    "api": ("resume", "search"),
    "errors": ("InputError",),
    "events": ("Events", "read_events", "write_columns"),
    "events.surrogate": ("surrogate_events",),
    "live.interface": ("dashboard",),
    "nplm": ("nplm_test",),
    "scanning": ("scan",),
    "service.submission": ("submit",),
    "study": ("Study", "load_study"),
    "trial": ("Setup", "run_trial"),
}

__getattr__, __dir__ = late(__name__, _HOMES)
