"""A study compared with others of the same events."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from raysearch.errors import InputError
from raysearch.preference import Preference
from raysearch.report.comparison import compare
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
    assert compare(own, []) is None
    assert 'id="comparison"' not in render_page(own, [])


def test_equal_choices_are_no_better_than_each_other(own, steps):
    found = compare(own, [steps])
    assert found.sentences[0].startswith("Neither this study nor steps found a clearly better")
    trials, repeats = own.settings["trials"], own.settings["repeats"]
    assert found.sentences[1].startswith(f"Both were given {trials} trials of {repeats} fits")
    assert "which favours whoever tried more" in found.sentences[-1]


def test_the_better_choice_is_named_whichever_study_is_asked(own, steps):
    for mine, theirs in ((knowing(own), blind(steps)), (blind(steps), knowing(own))):
        assert compare(mine, [theirs]).sentences[0].startswith("joint found the better choice")


def test_the_table_has_a_row_a_study_and_the_settings_that_differ(own, steps):
    table = compare(own, [steps]).table
    assert table.headings[:2] == ["study", "strategy"]
    assert len(table.headings) == len(table.numeric) == len(table.rows[0])
    assert [row[:2] for row in table.rows] == [["joint", "joint"], ["steps", "steps"]]
    assert table.rows[0][2:] == table.rows[1][2:]
    assert "12.3" in table.rows[0]  # max SIC of the ensemble
    states = own.trials["state"].to_pylist()
    assert table.rows[0][2] == str(states.count("COMPLETE")) != str(len(states))
    assert table.rows[0][5] == f"{sum(own.trials['seconds'].to_pylist()):,.0f}"


def test_other_budgets_are_told(own, steps):
    larger = with_settings(steps, trials=2 * own.settings["trials"])
    assert compare(own, [larger]).sentences[1].startswith("They were given")


def test_a_study_without_a_choice_is_not_compared(own, steps):
    nothing = dataclasses.replace(
        steps,
        selection={"objective": "val_sic", "choices": {}},
        scores=steps.scores.slice(0, 0),
    )
    found = compare(own, [nothing])
    assert found.sentences[0] == (
        "steps cannot be compared with this study: one of them chose nothing."
    )
    assert found.table.rows[1][-3:] == ["–", "–", "–"]


def test_a_template_too_small_for_the_figure_is_told(own, steps):
    is_template = np.flatnonzero(steps.scores["sample"].cast(pa.string()).to_numpy() == "template")
    kept = np.setdiff1d(np.arange(steps.scores.num_rows), is_template[19:])
    small = dataclasses.replace(steps, scores=steps.scores.take(kept))
    for mine, theirs in ((own, small), (small, own)):
        found = compare(mine, [theirs])
        name = theirs.settings["name"]
        assert found.sentences[0] == (
            f"{name} cannot be compared with this study: SIC out of fold needs 20 template events "
            "or more, but steps has 19."
        )
    assert found.table.rows[0][-2] == "–" != found.table.rows[1][-2]


def test_of_what_may_be_luck_nothing_is_called_better(own, steps):
    doubtful = Preference(1.0, 0.7, 400, 10, 10)._asdict() | {"is_clear": False}
    mean = {**knowing(own).selection["choices"]["val_sic"], "preference": doubtful}
    selection = {**own.selection, "choices": {**own.selection["choices"], "recommended": mean}}
    lucky = knowing(own)
    scores = lucky.scores.append_column("score.recommended", lucky.scores["score.val_sic"])
    lucky = dataclasses.replace(lucky, selection=selection, scores=scores)
    for mine, theirs in ((lucky, blind(steps)), (blind(steps), lucky)):
        said = compare(mine, [theirs]).sentences
        assert said[0] == "What joint found may be luck, so that no study is called better."
        assert not any("found the better choice" in sentence for sentence in said)


def test_other_data_are_refused(own, steps):
    masses = steps.scores["mjj_tev"].to_numpy() + 0.01
    column = steps.scores.column_names.index("mjj_tev")
    moved = steps.scores.set_column(column, "mjj_tev", pa.array(masses))
    fewer = steps.scores.slice(100)
    for scores in (moved, fewer):
        with pytest.raises(InputError, match="the same data events"):
            compare(own, [dataclasses.replace(steps, scores=scores)])


@pytest.mark.parametrize("rows", [500, 100])
def test_where_templates_differ_nothing_is_called_better(own, steps, rows):
    """One of fewer events, and one of as many: whatever it is called."""
    steps = knowing(steps)
    is_template = np.flatnonzero(steps.scores["sample"].cast(pa.string()).to_numpy() == "template")
    kept = np.setdiff1d(np.arange(steps.scores.num_rows), is_template[:rows])
    other = dataclasses.replace(steps, scores=steps.scores.take(kept))
    for mine, theirs in ((blind(own), other), (other, blind(own))):
        said = compare(mine, [theirs]).sentences[0]
        assert "but so do their templates" in said
        assert "no study is called better" in said


def test_the_page_compares_and_escapes(own, steps):
    page = render_page(own, [], [with_settings(steps, name="<b>steps")])
    assert 'id="comparison"' in page
    assert "&lt;b&gt;steps" in page
    assert "<b>steps" not in page
