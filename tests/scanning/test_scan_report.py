import numpy as np
import pytest
from scan_tables import SETTINGS, by_hand

from raysearch.report.contents import NotAvailable
from raysearch.scanning import figures
from raysearch.scanning.analysis import values_of
from raysearch.scanning.report import FIGURES, write_scan_report
from raysearch.scanning.tables import cell_table, failures

# One process draws the page, once.
pytestmark = pytest.mark.xdist_group("scan_report")

CELLS = {
    "cathode-baseline-0": {
        "counts": {"data": 12345, "template": 3},
        "density": {"check": {"auc": 0.51, "auc_error": 0.004}},
    },
    "cwola-baseline-0": {"counts": {"data": 7}, "density": None},
}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return by_hand(tmp_path_factory.mktemp("scan"))


@pytest.fixture(scope="module")
def values(table):
    return values_of(table, SETTINGS)


@pytest.fixture(scope="module")
def page(table, tmp_path_factory):
    directory = tmp_path_factory.mktemp("scan <b>")
    about = {"settings": SETTINGS, "inputs": {}, "cells": CELLS, "complete": True}
    about["estimate"] = {"cpu_hours": {"hgb": 0.1, "mlp": 0.2, "density": 9.0}}
    return write_scan_report(directory, about, table)


def test_the_page_has_every_figure_as_png_and_pdf(page):
    written = {path.name for path in (page.parent / "figures").iterdir()}
    assert written == {f"{name}.{end}" for name in FIGURES for end in ("png", "pdf")}
    text = page.read_text()
    assert all(f'id="figure-{name}"' in text for name in FIGURES)
    assert "&lt;b&gt;" in text
    assert "<b>0" not in text
    assert "288 fits on halves" in text
    assert "0.5100 ± 0.0040" in text
    # 72 trials of 2 s and 36 ensembles of 3 s; the density is no row of the table.
    assert "They took 0.07 worker hours; 0.3 were estimated for all." in text


def test_the_page_is_allowed_its_own_style(page):
    import base64
    import hashlib
    import re

    text = page.read_text()
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in text


def test_the_lines_are_the_medians(values):
    figure = figures.max_sic(values)
    assert len(figure.axes) == 4
    line = next(li for li in figure.axes[0].lines if li.get_label() == "val SIC")
    expected = [
        values.band(values.places[0], n, "val_sic", "max_sic_at_val_sic").median
        for n in (0, 100, 300)
    ]
    np.testing.assert_allclose(line.get_ydata(), expected)
    rings = next(li for li in figure.axes[0].lines if li.get_marker() == "o")
    np.testing.assert_allclose(rings.get_ydata(), [5, 7, 11])


def test_picks_are_shown_on_halves_and_on_the_full_statistics(values):
    left, right = figures.picking(values).axes
    assert left.get_ylim() == right.get_ylim()
    # A band for each objective on halves, none for their one ensemble each.
    assert (len(left.collections), len(right.collections)) == (3, 0)
    np.testing.assert_allclose(right.lines[-1].get_ydata()[0], 5, atol=3.1)


def test_every_choice_is_a_point_against_the_diagonal(values):
    panels = figures.half_full(values).axes
    assert [len(axes.containers) for axes in panels] == [4 * 3] * 3
    assert all(axes.get_xlim() == axes.get_ylim() for axes in panels)


def test_no_curve_of_a_data_driven_objective_is_at_the_epochs_of_labels(values):
    """The chosen set has max SIC 5 + N/100, half of it where val SIC is best."""
    left, _ = figures.picking(values).axes
    lines = {line.get_label(): line.get_ydata()[0] for line in left.lines}
    assert lines["picked by val SIC"] == pytest.approx(2.5, abs=0.02)
    assert lines["picked by max SIC"] == pytest.approx(5, abs=0.04)
    points = [axes.containers[0].lines[0].get_xdata()[0] for axes in figures.half_full(values).axes]
    assert points == pytest.approx([2.5, 0, 5], abs=0.04)


def test_the_correlation_is_that_of_data_driven_metrics(values):
    axes = figures.correlation(values).axes[0]
    assert axes.get_legend_handles_labels()[1] == ["val SIC", "val loss"]
    # Beside each other, but nearer to their own N than to the next, 100 events away.
    shown = {line.get_label(): line.get_xdata() for line in axes.lines}
    np.testing.assert_allclose(shown["val SIC"], [0, 100, 300])
    np.testing.assert_allclose(shown["val loss"], [15, 115, 315])


def test_without_labels_only_the_metrics_are_drawn(tmp_path):
    unlabelled = values_of(by_hand(tmp_path, labels=False), SETTINGS)
    assert len(figures.metrics(unlabelled).axes) == 2 * 2
    for draw in (figures.max_sic, figures.picking, figures.half_full, figures.correlation):
        with pytest.raises(NotAvailable, match="test events were too few"):
            draw(unlabelled)


def test_a_scan_that_has_just_begun_has_a_page(table, tmp_path):
    about = {"settings": SETTINGS, "inputs": {}, "complete": False}
    text = write_scan_report(tmp_path, about, table.slice(0, 0)).read_text()
    assert "no trial has ended" in text
    assert "not complete yet" in text


def test_what_luck_finds_is_drawn_with_val_sic_alone(values):
    labels = [axes.get_legend_handles_labels()[1] for axes in figures.metrics(values).axes]
    assert ["chance" in own for own in labels] == [True, False, False] * 2


def test_failures_are_counted_by_reason(tmp_path):
    from test_scan_table import KEY

    assert failures(by_hand(tmp_path, fail={KEY})) == [("it failed", 4)]


def test_the_cells_tell_their_events_and_the_check_of_the_density():
    rows = cell_table(CELLS).rows
    assert rows[0][:3] == ["cathode-baseline-0", "12,345", "3"]
    assert [row[-1] for row in rows] == ["0.5100 ± 0.0040", "–"]
