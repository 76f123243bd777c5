"""The figures of a test."""

from pathlib import Path
from raysearch.nplm.prepare import Prepared
from raysearch.nplm.result import NplmResult


def write_figures(directory: Path, prepared: Prepared, result: NplmResult) -> None:
    """."""
