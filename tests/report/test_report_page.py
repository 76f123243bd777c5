import base64
import dataclasses
import hashlib
import re

import matplotlib as mpl
import pyarrow as pa
import pytest
from matplotlib import pyplot

from raysearch.preference import Preference
from raysearch.report import figures as figures_module
from raysearch.report.contents import ReportContents
from raysearch.report.figures import CAPTIONS, FIGURES
from raysearch.report.page import render_page
from raysearch.report.tables import number
from raysearch.report.write import write_report

# One worker, so that the full report is drawn once.
pytestmark = pytest.mark.xdist_group("report_page")


@pytest.fixture(scope="module")
def report(contents, tmp_path_factory):
    return write_report(contents, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(report):
    return report.read_text()


@pytest.fixture
def only(monkeypatch):
    """Leaves only the figures of these names: drawing all of them takes seconds."""

    def keep(*names):
        monkeypatch.setattr(figures_module, "FIGURES", {name: FIGURES[name] for name in names})

    return keep


def all_failed(contents):
    rows = contents.trials.num_rows
    trials = pa.table(
        {
            "trial_id": contents.trials["trial_id"],
            "state": ["FAIL"] * rows,
            "error": [None, *["RuntimeError: out of <memory>"] * (rows - 1)],
            "seconds": pa.nulls(rows, pa.float64()),
            "epochs": pa.nulls(rows, pa.int64()),
            "config.detector": ["hgb"] * rows,
            "val_sic": pa.nulls(rows, pa.float64()),
        }
    )
    empty = contents.scores.slice(0, 0)
    return ReportContents(contents.settings, trials, {"objective": "val_sic", "choices": {}}, empty)


def test_every_figure_has_a_caption_and_its_files(report):
    assert set(FIGURES) == set(CAPTIONS)
    files = {path.name for path in (report.parent / "figures").iterdir()}
    assert files == {f"{name}.{suffix}" for name in FIGURES for suffix in ("png", "pdf")}


def test_nothing_temporary_is_left(report):
    assert {path.name for path in report.parent.iterdir()} == {"report.html", "figures"}


def test_the_page_is_self_contained(page):
    assert not re.search(r"(?:src|href|action)\s*=\s*[\"'](?!data:|#)", page)
    assert not re.search(r"url\(|@import|<script|<link|<iframe|https?://", page)
    assert page.count("data:image/png;base64,") == len(FIGURES)
    assert len(page) < 3_000_000


def test_the_policy_allows_only_this_style(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page).group(1)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert " style=" not in page


def test_markup_in_any_text_is_escaped(contents):
    settings = {**contents.settings, "name": "<b>ε_S</b>", "space": "<img src=x>"}
    page = render_page(dataclasses.replace(contents, settings=settings), [])
    assert "<b>ε" not in page
    assert "<img" not in page


def test_markup_in_an_error_is_text(page):
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in page


def test_the_answer_stands_first(page, contents):
    chosen = contents.selection["choices"]["val_sic"]
    answer = page[page.index('id="answer"') : page.index('id="settings"')]
    assert f"trial {chosen['trial_id']}" in answer
    assert "lies above 0.0204, which 95% of" in answer
    assert "0.93" in answer


def test_no_nan_reaches_the_page(page):
    text = re.sub(r"<head>.*</head>|base64,[^\"]*", "", page, flags=re.DOTALL)
    assert not re.search(r"\b(nan|None|inf|NaN)\b", text)


def test_a_choice_below_the_floor_is_called_arbitrary(contents):
    choice = contents.selection["choices"]["val_sic"]
    weak = {**choice, "ensemble": {**choice["ensemble"], "val_sic": 0.01}}
    selection = {"objective": "val_sic", "choices": {"val_sic": weak}}
    changed = dataclasses.replace(contents, selection=selection)
    assert "does not exceed 0.0204" in render_page(changed, [])


@pytest.mark.parametrize(("p", "headline"), [(0.4, "No preference"), (0.01, "Preference")])
def test_the_verdict_stands_above_the_winners(p, headline, contents):
    found = Preference(1.8, p, 400, 1500, 1600)
    asked = {**found._asdict(), "is_clear": found.is_clear, "alarm_rate": 0.05}
    answer = answered(contents, asked)
    assert f'<p class="verdict">{headline}</p>' in answer
    winner = "the best setup is" if found.is_clear else "which may be luck"
    assert answer.index("1,500 data and 1,600 template events") < answer.index(winner)
    assert ("Recommended is the mean of the best 2 setups" in answer) == found.is_clear
    # What is not preferred is called the best nowhere.
    assert ("the best setup is" in answer) == found.is_clear
    assert ("Among the trials val SIC is largest for" in answer) != found.is_clear


def test_a_study_that_asked_for_no_verdict_says_so(contents):
    assert '<p class="verdict">No verdict</p>' in answered(contents, None)


def test_of_true_labels_the_page_has_no_verdict(contents):
    answer = answered(contents, None, mode="supervised")
    assert 'class="verdict"' not in answer
    assert "luck" not in answer
    assert "Recommended is the mean of the best 2 setups" in answer


def answered(contents, preference, mode="idealised"):
    """The page's answer where the recommended mean has this preference."""
    chosen = contents.selection["choices"]
    setup = {**chosen["val_sic"]["setup"], "mode": mode}
    mean = {"preference": preference, "trials": ["00001", "00002"], "setup": setup}
    mean = {**chosen["val_sic"], **mean}
    selection = {"objective": "val_sic", "choices": {**chosen, "recommended": mean}}
    page = render_page(dataclasses.replace(contents, selection=selection), [])
    return page[page.index('id="answer"') : page.index('id="settings"')]


def test_without_labels_the_page_says_what_is_missing(unlabelled, tmp_path, only):
    only("sic", "roc", "val_sic", "correlation")
    stale = tmp_path / "figures" / "sic.png"
    stale.parent.mkdir()
    stale.write_bytes(b"of an earlier report")
    page = write_report(unlabelled, tmp_path).read_text()
    assert page.count("Not shown:") == 3
    assert "truth labels" in page
    assert "max SIC" not in page[page.index('id="answer"') : page.index("Regret:")]
    assert not stale.exists()


def test_a_study_that_failed_has_a_page(contents, tmp_path):
    page = write_report(all_failed(contents), tmp_path).read_text()
    assert "none of the 30 trials completed" in page
    assert "RuntimeError: out of &lt;memory&gt;" in page
    assert "no reason was recorded" in page
    assert page.count("Not shown:") == len(FIGURES)


def test_one_trial_has_a_page(make, tmp_path, only):
    only("correlation", "history", "importance", "parallel")
    page = write_report(make(n_trials=1, n_scores=3000), tmp_path).read_text()
    assert "trial 00000" in page
    assert "history.png" in {path.name for path in (tmp_path / "figures").iterdir()}


def test_no_trial_at_all_has_a_page(contents, tmp_path):
    none = contents.trials.slice(0, 0)
    empty = ReportContents({}, none, {}, contents.scores.slice(0, 0))
    assert "No trial ran." in write_report(empty, tmp_path).read_text()


def test_matplotlib_is_left_as_it_was(contents, tmp_path, only):
    only("history")
    before = dict(mpl.rcParams)
    write_report(contents, tmp_path)
    assert dict(mpl.rcParams) == before
    assert pyplot.get_fignums() == []


def test_equal_contents_give_equal_files(contents, report, tmp_path, only):
    only("importance")
    write_report(contents, tmp_path)
    for suffix in ("png", "pdf"):
        name = f"figures/importance.{suffix}"
        assert (tmp_path / name).read_bytes() == (report.parent / name).read_bytes()


@pytest.mark.parametrize(
    ("value", "spread", "text"),
    [
        (0.69273, 0.0001, "0.69273 ± 0.00010"),
        (float("nan"), None, "–"),
        (1.5, 0.0, "1.5"),
        (12000, None, "12,000"),
        (1024, None, "1024"),
        (True, None, "True"),
    ],
)
def test_numbers_are_short(value, spread, text):
    assert number(value, spread) == text
