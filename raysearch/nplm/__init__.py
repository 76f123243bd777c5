"""NPLM: a two-sample test with calibrated p-values, its toys as parallel tasks."""

from raysearch.nplm.candidates import Candidate
from raysearch.nplm.interface import nplm_test
from raysearch.nplm.nuisances import Nuisance, normalisation
from raysearch.nplm.result import NplmResult

__all__ = ["Candidate", "NplmResult", "Nuisance", "normalisation", "nplm_test"]
