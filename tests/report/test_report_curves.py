import numpy as np
import pytest

from raysearch.metrics import efficiencies, max_sic, sic_curve, val_sic
from raysearch.report.contents import NotAvailable, data_and_template, signal_and_background
from raysearch.report.figures import FIGURES
from raysearch.report.looks import thin


def curve_of(axes, start):
    """The solid curve whose label starts so."""
    return next(line for line in axes.lines if str(line.get_label()).startswith(start))


LABELS = {
    "val_sic": "chosen by val SIC",
    "val_loss": "chosen by val loss",
    "max_sic": "chosen by max SIC",
    "optimal": "likelihood ratio",
}


@pytest.fixture(scope="module")
def sic(contents):
    return FIGURES["sic"](contents).axes[0]


@pytest.mark.parametrize("name", LABELS)
def test_the_sic_curve_is_that_of_the_metrics(contents, sic, name):
    x, y = curve_of(sic, LABELS[name]).get_data()
    test = signal_and_background(contents, name)
    curve = efficiencies(test.is_positive, test.scores)
    assert set(zip(x, y, strict=True)) <= set(zip(curve.positive, sic_curve(curve), strict=True))
    assert np.max(y) == pytest.approx(max_sic(test.is_positive, test.scores))


def test_what_is_not_known_to_20_percent_is_pale(contents, sic):
    test = signal_and_background(contents, "val_sic")
    n_background = np.count_nonzero(~test.is_positive)
    for line in sic.lines[:-1]:
        x, y = np.array(line.get_data())
        counts = (x[y > 0] / y[y > 0]) ** 2 * n_background
        if str(line.get_label()).startswith("_"):
            assert line.get_alpha() < 0.5
            assert np.min(counts) < 25.001
        else:
            assert np.min(counts) > 24.999


def test_the_roc_curve_shows_rejection(contents):
    x, y = curve_of(FIGURES["roc"](contents).axes[0], LABELS["val_sic"]).get_data()
    test = signal_and_background(contents, "val_sic")
    curve = efficiencies(test.is_positive, test.scores)
    passed = curve.negative > 0
    assert set(zip(x, np.round(1 / y, 9), strict=True)) <= set(
        zip(curve.positive[passed], np.round(curve.negative[passed], 9), strict=True)
    )


@pytest.mark.parametrize("fixture", ["contents", "unlabelled"])
def test_the_validation_curve_needs_no_labels(fixture, request):
    contents = request.getfixturevalue(fixture)
    axes = FIGURES["val_sic"](contents).axes[0]
    weak = data_and_template(contents, "val_sic")
    tops = [np.nanmax(line.get_ydata()) for line in axes.lines[:2]]
    assert max(tops) == pytest.approx(val_sic(weak.is_positive, weak.scores), rel=0.05)
    assert curve_of(axes, "noise floor").get_ydata()[0] == 0.0204


@pytest.mark.parametrize("name", ["sic", "roc"])
def test_supervised_curves_need_labels(unlabelled, name):
    with pytest.raises(NotAvailable, match="truth labels"):
        FIGURES[name](unlabelled)


def test_a_long_curve_is_thinned_with_both_ends():
    kept = thin(1_000_000)
    assert len(kept) <= 800
    assert (kept[0], kept[-1]) == (0, 999_999)
