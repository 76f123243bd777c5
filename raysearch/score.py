"""Score the events of a file with the detector a study chose."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from raysearch.errors import InputError
from raysearch.events import Events, read_events, write_columns
from raysearch.malformed import as_written
from raysearch.remote import uri_of
from raysearch.study import load_study


def score_file(directory: Path, events: Path, out: Path, objective: str | None = None) -> int:
    """Write a columns file with the mass and the score of each event, in the file's order.

    Args:
        directory: of the study.
        events: file in any layout with the columns that the detector reads.
        out: HDF5 file with columns ``mjj`` (TeV), ``score`` (log odds, or mean rank of a mixture),
            and labels if any.
        objective: whose choice scores; None for the study's own objective.

    Returns:
        Number of events.

    Raises:
        InputError: if there is no detector, the file cannot be read or lacks columns.
    """
    if (uri := uri_of(out)) is not None:
        raise InputError(f"--out must be a file on this machine, but {uri} is in an object store.")
    if out.resolve() == events.resolve():
        raise InputError(f"--out must not be the events file itself, but both are {out}.")
    scorer = load_study(directory).detector(objective)
    with as_written(directory):
        columns = scorer.columns
    read = read_events(events, columns)
    with as_written(directory):
        scores = scorer.score(read).astype(np.float32)[:, None]
        scored = Events(scores, ("score",), ("1",), read.mjj_tev, read.labels)
    write_columns(out, scored)
    return len(read)
