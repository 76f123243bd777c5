"""NPLM: a two-sample test with calibrated p-values, its toys as parallel tasks."""

from typing import TYPE_CHECKING

from raysearch.late import late

if TYPE_CHECKING:
    from raysearch.nplm.candidates import Candidate
    from raysearch.nplm.interface import nplm_test
    from raysearch.nplm.nuisances import Nuisance, normalisation
    from raysearch.nplm.result import NplmResult

__all__ = ["Candidate", "NplmResult", "Nuisance", "normalisation", "nplm_test"]

__getattr__, __dir__ = late(
    __name__,
    {
        "candidates": ("Candidate",),
        "interface": ("nplm_test",),
        "nuisances": ("Nuisance", "normalisation"),
        "result": ("NplmResult",),
    },
)
