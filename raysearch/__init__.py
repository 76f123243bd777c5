"""raysearch: which anomaly-detection setup should we trust, judged from the data alone?"""

from raysearch.api import resume, search
from raysearch.errors import InputError
from raysearch.events import Events, read_events, write_columns
from raysearch.events.surrogate import log_likelihood_ratio, surrogate_events
from raysearch.nplm import nplm_test
from raysearch.scanning import scan
from raysearch.study import Study, load_study
from raysearch.trial import Setup, run_trial

__all__ = [
    "Events",
    "InputError",
    "Setup",
    "Study",
    "load_study",
    "log_likelihood_ratio",
    "nplm_test",
    "read_events",
    "resume",
    "run_trial",
    "scan",
    "search",
    "surrogate_events",
    "write_columns",
]
