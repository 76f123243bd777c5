"""The table of scored events that a study directory holds for its figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from raysearch.samples import TwoSample

TABLE_SCHEMA = 1


class Scored(NamedTuple):
    """What a choice thinks of the events.

    Attributes:
        rows: (n,) scores of the sample's rows, by members that never trained on them.
        test: (m,) scores of the test events, or None.
    """

    rows: NDArray[np.float64]
    test: NDArray[np.float64] | None


def scores_table(
    sample: TwoSample, scored: Mapping[str, Scored], optimal: NDArray[np.float64] | None
) -> pa.Table:
    """One row an event: rows of the sample first, then test events.

    Columns ``sample, mjj_tev, is_signal`` (null except for test events), ``score.<objective>``
    (log odds, or mean rank of a mixture; of data and template by members that never saw them) and,
    where it is known, ``score.optimal`` (null except for test events).
    """
    n_rows = len(sample.mjj_tev)
    test_mjj = np.zeros(0, np.float32) if sample.test_mjj_tev is None else sample.test_mjj_tev
    truth = np.zeros(0, np.bool_) if sample.test_is_signal is None else sample.test_is_signal
    kinds = np.r_[np.where(sample.rows.is_data, 0, 1), np.full(len(test_mjj), 2)]
    columns = {
        "sample": pa.DictionaryArray.from_arrays(
            pa.array(kinds, pa.int8()), pa.array(["data", "template", "test"])
        ),
        "mjj_tev": pa.array(np.concatenate([sample.mjj_tev, test_mjj])),
        "is_signal": pa.concat_arrays([pa.nulls(n_rows, pa.bool_()), pa.array(truth)]),
    }
    for name, (rows, test) in scored.items():
        of_test = np.zeros(0) if test is None else test
        columns[f"score.{name}"] = pa.array(np.concatenate([rows, of_test]), pa.float32())
    if optimal is not None:
        known = pa.array(optimal.astype(np.float32))
        columns["score.optimal"] = pa.concat_arrays([pa.nulls(n_rows, pa.float32()), known])
    return pa.table(columns)
