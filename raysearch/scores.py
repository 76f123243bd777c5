"""The table of scored events that a study directory holds for its figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from raysearch.backgrounds import template_of
from raysearch.samples import TwoSample, View

TABLE_SCHEMA = 1


class Scored(NamedTuple):
    """What a choice thinks of the events.

    Attributes:
        view: of the sample.
        rows: (n,) scores of the sample's rows, by members that never trained on them.
        test: (m,) scores of the test events, or None.
    """

    view: View
    rows: NDArray[np.float64]
    test: NDArray[np.float64] | None


class _Template(NamedTuple):
    """Events of a template, and what it is called."""

    name: str
    mjj_tev: NDArray[np.float32]


def scores_table(
    samples: Mapping[View, TwoSample],
    scored: Mapping[str, Scored],
    optimal: NDArray[np.float64] | None,
) -> pa.Table:
    """One row an event: data first, then the templates of all choices, then test events.

    Columns ``sample, template`` (its name, null except for template events), ``mjj_tev, is_signal``
    (null except for test events), ``score.<objective>`` (log odds, or mean rank of a mixture; of
    data and template by members that never saw them, null for other templates) and, where it is
    known, ``score.optimal`` (null except for test events).

    Args:
        samples: by mode and feature set; all have the same data and test events.
        scored: at least one choice, by its name.
        optimal: (m,) exact log likelihood ratio of the test events, or None.
    """
    sample = samples[next(iter(scored.values())).view]
    templates = _templates(samples, [each.view for each in scored.values()])
    n_data, n_test = int(sample.rows.is_data.sum()), len(_or_empty(sample.test_mjj_tev))
    masses = [sample.mjj_tev[:n_data], *(t.mjj_tev for t in templates)]
    n_rows = sum(map(len, masses))
    sizes = [n_data, n_rows - n_data, n_test]
    truth = np.zeros(0, np.bool_) if sample.test_is_signal is None else sample.test_is_signal
    columns = {
        "sample": _repeated(["data", "template", "test"], sizes),
        "template": _repeated(
            [None, *(t.name for t in templates), None],
            [n_data, *(len(t.mjj_tev) for t in templates), n_test],
        ),
        "mjj_tev": pa.array(np.concatenate([*masses, _or_empty(sample.test_mjj_tev)])),
        "is_signal": pa.concat_arrays([pa.nulls(n_rows, pa.bool_()), pa.array(truth)]),
    }
    for name, each in scored.items():
        columns[f"score.{name}"] = _scores(each, templates, n_data, n_test)
    if optimal is not None:
        columns["score.optimal"] = pa.concat_arrays([_nulls(n_rows), _floats(optimal)])
    return pa.table(columns)


def _templates(samples: Mapping[View, TwoSample], views: Iterable[View]) -> list[_Template]:
    """Each template once."""
    by_name = {template_of(view): samples[view] for view in views}
    return [_Template(name, s.mjj_tev[~s.rows.is_data]) for name, s in by_name.items()]


def _scores(each: Scored, templates: Iterable[_Template], n_data: int, n_test: int) -> pa.Array:
    own = template_of(each.view)
    parts = [_floats(each.rows[:n_data])]
    for template in templates:
        is_own = template.name == own
        parts.append(_floats(each.rows[n_data:]) if is_own else _nulls(len(template.mjj_tev)))
    parts.append(_nulls(n_test) if each.test is None else _floats(each.test))
    return pa.concat_arrays(parts)


def _repeated(words: Iterable[str | None], times: Iterable[int]) -> pa.Array:
    repeated = np.repeat(np.array(list(words), dtype=object), list(times))
    return pa.array(repeated, pa.string()).dictionary_encode()


def _or_empty(mjj_tev: NDArray[np.float32] | None) -> NDArray[np.float32]:
    return np.zeros(0, np.float32) if mjj_tev is None else mjj_tev


def _floats(values: NDArray[np.float64]) -> pa.Array:
    return pa.array(values.astype(np.float32))


def _nulls(count: int) -> pa.Array:
    return pa.nulls(count, pa.float32())
