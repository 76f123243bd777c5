"""A study compared with others of the same events."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from raysearch.errors import InputError
from raysearch.report.beside import beside
from raysearch.report.page import render_page


@pytest.fixture
def own(contents):
    return with_settings(contents, name="joint", strategy="joint")


@pytest.fixture
def steps(contents):
    return with_settings(contents, name="steps", strategy="steps")


def with_settings(contents, **settings):
    return dataclasses.replace(contents, settings={**contents.settings, **settings})


def with_scores(contents, scores):
    """The same study with other scores of its choice."""
    column = contents.scores.column_names.index("score.val_sic")
    table = contents.scores.set_column(column, "score.val_sic", pa.array(scores))
    return dataclasses.replace(contents, scores=table)


def knowing(contents):
    """The same study with scores that find a tenth of the data."""
    rng, n = np.random.default_rng(2), contents.scores.num_rows
    is_data = contents.scores["sample"].cast(pa.string()).to_numpy() == "data"
    return with_scores(contents, rng.normal(size=n) + 6 * (is_data & (rng.random(n) < 0.1)))


def blind(contents):
    """The same study with scores that know nothing."""
    return with_scores(contents, np.random.default_rng(1).normal(size=contents.scores.num_rows))


def test_without_others_nothing_is_said(own):
    assert beside(own, []) is None
    assert 'id="beside"' not in render_page(own, [])


def test_equal_choices_are_no_better_than_each_other(own, steps):
    found = beside(own, [steps])
    assert found.sentences[0].startswith("Neither this study nor steps found a clearly better")
    trials, repeats = own.settings["trials"], own.settings["repeats"]
    assert found.sentences[0].endswith(f"Both had {trials} trials of {repeats} fits.")


def test_the_better_choice_is_named_whichever_study_is_asked(own, steps):
    for mine, theirs in ((knowing(own), blind(steps)), (blind(steps), knowing(own))):
        assert beside(mine, [theirs]).sentences[0].startswith("joint found the better choice")


def test_the_table_has_a_row_a_study_and_the_settings_that_differ(own, steps):
    table = beside(own, [steps]).table
    assert table.headings[:2] == ["study", "strategy"]
    assert [row[:2] for row in table.rows] == [["joint", "joint"], ["steps", "steps"]]
    assert table.rows[0][2:] == table.rows[1][2:]
    assert "12.3" in table.rows[0]  # max SIC of the ensemble


def test_other_budgets_are_told(own, steps):
    larger = with_settings(steps, trials=2 * own.settings["trials"])
    assert "They had" in beside(own, [larger]).sentences[0]


def test_a_study_without_a_choice_is_not_compared(own, steps):
    nothing = dataclasses.replace(steps, selection={"objective": "val_sic", "choices": {}})
    found = beside(own, [nothing])
    assert found.sentences == [
        "steps cannot be compared with this study: one of them chose nothing."
    ]
    assert found.table.rows[1][-3:] == ["–", "–", "–"]


@pytest.mark.parametrize(
    "settings",
    [{"n_signal": 7}, {"seed": 77}, {"inputs": {"events": {"path": "x", "sha256": "0" * 64}}}],
)
def test_other_events_are_refused(own, steps, settings):
    with pytest.raises(InputError, match="same events") as refused:
        beside(own, [with_settings(steps, **settings)])
    assert next(iter(settings)) in str(refused.value)


def test_other_templates_are_pointed_out(own, steps):
    names = pa.array(["another"] * steps.scores.num_rows)
    other = dataclasses.replace(steps, scores=steps.scores.append_column("template", names))
    assert any("templates differ" in said for said in beside(own, [other]).sentences)


def test_the_page_compares_and_escapes(own, steps):
    page = render_page(own, [], [with_settings(steps, name="<b>steps")])
    assert 'id="beside"' in page
    assert "&lt;b&gt;steps" in page
    assert "<b>steps" not in page
