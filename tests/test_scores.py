"""The table of scored events."""

import numpy as np
import pytest
from toys import VIEW, toy_sample

from raysearch.samples import View
from raysearch.scores import Scored, scores_table


def table_of(sample, with_optimal=False):
    test = None if sample.test is None else sample.test[:, 0].astype(float)
    scored = Scored(VIEW, sample.rows.features[:, 0].astype(float), test)
    return scores_table({VIEW: sample}, {"val_sic": scored}, test if with_optimal else None)


def test_rows_stand_first_and_test_events_last():
    sample = toy_sample(test=(40, 10))
    kinds = table_of(sample)["sample"].to_pylist()
    assert kinds == ["data"] * 1000 + ["template"] * 1000 + ["test"] * 50


def test_only_test_events_have_a_label():
    sample = toy_sample(test=(40, 10))
    labels = table_of(sample)["is_signal"].to_pylist()
    assert labels[:2000] == [None] * 2000
    assert labels[2000:] == sample.test_is_signal.tolist()


def test_scores_and_masses_belong_to_their_events():
    sample = toy_sample(test=(40, 10))
    table = table_of(sample, with_optimal=True)
    features = np.concatenate([sample.rows.features[:, 0], sample.test[:, 0]])
    np.testing.assert_array_equal(table["score.val_sic"].to_numpy(), features)
    np.testing.assert_array_equal(table["mjj_tev"].to_numpy(), np.float32(3.5))
    optimal = table["score.optimal"].to_pylist()
    assert optimal[:2000] == [None] * 2000
    assert optimal[2000:] == pytest.approx(sample.test[:, 0].tolist())


def test_without_a_test_there_are_the_rows_alone():
    table = table_of(toy_sample(test=None))
    assert table.num_rows == 2000
    assert table["is_signal"].null_count == 2000
    assert "score.optimal" not in table.column_names


def test_each_template_stands_once_and_is_scored_by_its_own_choices_alone():
    other = View("cwola", "baseline")
    samples = {
        VIEW: toy_sample(n_data=50, n_template=70, n_signal=5, test=(9, 3)),
        VIEW._replace(features="baseline_dr"): toy_sample(
            n_data=50, n_template=70, n_signal=5, test=(9, 3)
        ),
        other: toy_sample(n_data=50, n_template=40, n_signal=5, test=(9, 3)),
    }
    scored = {
        name: Scored(view, np.arange(float(len(samples[view].mjj_tev))), np.ones(12))
        for name, view in zip(("val_sic", "val_loss", "max_sic"), samples, strict=True)
    }
    table = scores_table(samples, scored, None)
    names = table["template"].to_pylist()
    assert names == [None] * 50 + ["idealised"] * 70 + ["cwola"] * 40 + [None] * 12
    assert table["sample"].to_pylist() == ["data"] * 50 + ["template"] * 110 + ["test"] * 12
    for name, each in scored.items():
        own = [n in (None, "cwola" if each.view == other else "idealised") for n in names]
        column = table[f"score.{name}"]
        assert [value is not None for value in column.to_pylist()] == own
        np.testing.assert_array_equal(column.drop_null()[:-12].to_numpy(), each.rows)
