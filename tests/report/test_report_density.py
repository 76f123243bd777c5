"""What the page says of a template that was sampled from a density."""

import dataclasses

import pytest

from raysearch.report.density import density_sentences
from raysearch.report.page import render_page

ABOUT = {"estimator": "maf", "training_events": 92_000, "epochs": 20, "cpu_seconds": 81.25}
ONE = {"parameters": {}, "validation_loss": 5.1, "cpu_seconds": 81.25}


def settings_with(auc, error, attempts=(ONE,)):
    check = {"auc": auc, "auc_error": error, "events": 30_000}
    about = {**ABOUT, "validation_loss": 5.1, "attempts": list(attempts), "check": check}
    return {"density": {"baseline": about}}


@pytest.mark.parametrize(
    ("auc", "verdict"), [(0.503, "cannot be told apart"), (0.52, "differ from the sidebands")]
)
def test_the_verdict_follows_the_error(auc, verdict):
    told = " ".join(density_sentences(settings_with(auc, 0.002)))
    assert verdict in told
    assert f"AUC {auc:.4f} ± 0.0020" in told
    assert "30,000 held-out" in told
    assert "92,000 events: 20 epochs" in told


def test_it_says_among_which_hyperparameters_the_density_was_chosen():
    assert "sets of hyperparameters" not in " ".join(density_sentences(settings_with(0.5, 0.002)))
    lost = {"parameters": {"blocks": 9}, "validation_loss": None, "cpu_seconds": None}
    better = {
        **ONE,
        "parameters": {"batch_size": 2048, "learning_rate": 2e-4},
        "validation_loss": 5.05,
    }
    for first, said in ((ONE, "suggested for, 5.1000"), (lost, "suggested for, none that is")):
        told = " ".join(density_sentences(settings_with(0.5, 0.002, [first, better, lost])))
        assert "best of 3 sets" in told
        assert "5.0500 (batch_size 2048, learning_rate 0.0002)" in told
        assert said in told


def test_the_page_has_the_section_only_where_a_density_was_trained(contents):
    assert 'id="template"' not in render_page(contents, [])
    told = dataclasses.replace(
        contents, settings={**contents.settings, **settings_with(0.52, 0.002)}
    )
    page = render_page(told, [])
    assert 'id="template"' in page
    assert "differ from the sidebands" in page
