"""What a command says and returns to the shell when a study or scan ends."""

from __future__ import annotations

import typer

from raysearch.errors import printable
from raysearch.records import INTERRUPTED
from raysearch.scanning import Scan
from raysearch.study import Study

# What shells report for a command that Ctrl-C ended.
_INTERRUPTED_STATUS = 130


def end_study(study: Study) -> None:
    """Print the answer; exit as interrupted if the study was."""
    # It tells of files that may come from somebody else.
    print(printable(study.summary()))
    if study.about["ended_early"] == INTERRUPTED:
        raise typer.Exit(_INTERRUPTED_STATUS)


def end_scan(scan: Scan) -> None:
    """Exit as interrupted if the scan is not complete."""
    if not scan.about["complete"]:
        raise typer.Exit(_INTERRUPTED_STATUS)
