"""Renew the surrogate's stored parameters from a labelled features file of all masses."""

from __future__ import annotations

import argparse
from pathlib import Path

from raysearch.events import read_events
from raysearch.events.surrogate_fit import fit_surrogate, save_surrogate, training_rows

SEED = 2020


def main() -> None:
    """Fit the training rows of a labelled features file and store the parameters."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("features", type=Path, help="labelled features file")
    parser.add_argument("surrogate", type=Path, help="the .npz file to write")
    paths = parser.parse_args()
    events = read_events(paths.features)
    training = events.take(training_rows(len(events), SEED))
    save_surrogate(fit_surrogate(training, SEED), paths.surrogate)


if __name__ == "__main__":
    main()
