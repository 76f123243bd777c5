import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from raysearch.report.contents import NotAvailable, data_and_template, signal_and_background
from raysearch.report.figures import FIGURES
from raysearch.report.mass import sculpting


def with_scores(contents, scores):
    place = contents.scores.column_names.index("score.val_sic")
    table = contents.scores.set_column(place, "score.val_sic", pa.array(scores, pa.float32()))
    return dataclasses.replace(contents, scores=table)


def test_classes_are_what_the_table_says(contents):
    weak, test = data_and_template(contents, "val_sic"), signal_and_background(contents, "val_sic")
    samples = contents.scores["sample"].to_pylist()
    assert np.count_nonzero(weak.is_positive) == samples.count("data")
    assert len(weak.scores) + len(test.scores) == len(samples)
    assert np.count_nonzero(test.is_positive) == contents.scores["is_signal"].to_pylist().count(
        True
    )


def test_a_dictionary_column_does_as_well(contents):
    encoded = contents.scores.set_column(0, "sample", contents.scores["sample"].dictionary_encode())
    other = data_and_template(dataclasses.replace(contents, scores=encoded), "val_sic")
    assert np.array_equal(other.scores, data_and_template(contents, "val_sic").scores)


@pytest.mark.parametrize(("fixture", "panels"), [("contents", 2), ("unlabelled", 1)])
def test_test_events_have_a_panel_where_labels_exist(fixture, panels, request):
    contents = request.getfixturevalue(fixture)
    assert len(FIGURES["scores"](contents).axes) == panels
    assert len(FIGURES["mass"](contents).axes) == 2 * panels


def test_a_cut_keeps_the_stated_share_of_the_template(contents):
    axes = FIGURES["mass"](contents).axes[0]
    weak = data_and_template(contents, "val_sic")
    template = weak.scores[~weak.is_positive]
    threshold = np.sort(template)[::-1][len(template) // 10]
    kept = np.count_nonzero(weak.scores[weak.is_positive] > threshold)
    assert f"{kept:,} events" in " ".join(axes.get_legend_handles_labels()[1])


def test_sculpting_is_seen_and_its_absence_too():
    generator = np.random.default_rng(5)
    before = np.full(10, 5000)
    flat = sculpting(before, generator.binomial(before, 0.01))
    tilted = sculpting(before, generator.binomial(before, np.linspace(0.005, 0.015, 10)))
    assert flat[2] < 2.5 < 5 < tilted[2]
    assert np.all(np.abs(flat[0] - 1) < 5 * flat[1])


@pytest.mark.parametrize("name", FIGURES)
def test_tied_scores_do_no_harm(contents, name):
    ties = np.round(contents.scores["score.val_sic"].to_numpy())
    for scores in (ties, np.zeros(len(ties))):
        assert FIGURES[name](with_scores(contents, scores)).axes


def test_a_score_that_is_not_finite_is_a_reason(contents):
    scores = contents.scores["score.val_sic"].to_numpy().copy()
    scores[0] = np.nan
    with pytest.raises(NotAvailable, match="1 of 4000 scores of val_sic are not finite"):
        FIGURES["scores"](with_scores(contents, scores))
