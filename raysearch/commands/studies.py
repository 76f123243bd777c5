"""`raysearch resume`, `report` and `score`: what is done with a study that exists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from raysearch.commands import options
from raysearch.commands.ending import end_scan, end_study
from raysearch.errors import InputError
from raysearch.remote.kept import kept
from raysearch.scanning import is_scan, load_scan


def resume(directory: Path, address: options.Address = None) -> None:
    """Go on with an interrupted study or scan; no finished trial runs again."""
    with kept(directory, print) as here:
        if is_scan(here):
            from raysearch.scanning import resume_scan

            end_scan(resume_scan(here, address=address))
            return
        from raysearch.api import resume as run

        end_study(run(here, address=address))


def report(
    directory: Path,
    compare: Annotated[
        list[Path] | None,
        typer.Option(
            help="A study of the same events; the page says which found the better choice, until "
            "it is written again without. Repeatable."
        ),
    ] = None,
) -> None:
    """Write the report of a study or scan anew from its files."""
    from raysearch.study import load_study

    others = compare or []
    if others and (scan := next(filter(is_scan, [directory, *others]), None)) is not None:
        raise InputError(f"--compare compares studies, but {scan} is a scan; leave it out.")
    if is_scan(directory):
        print(load_scan(directory).report())
    else:
        print(load_study(directory).report([load_study(other) for other in others]))


def score(
    directory: Path,
    events: Path,
    out: Annotated[Path, typer.Option(help="HDF5 file for the scores, row by row.")],
    objective: Annotated[
        str | None, typer.Option(help="Whose choice scores; default: the study's objective.")
    ] = None,
) -> None:
    """Score the events of a file with the detector a study chose."""
    from raysearch.score import score_file

    rows = score_file(directory, events, out, objective)
    print(f"{rows} events scored: {out}")
