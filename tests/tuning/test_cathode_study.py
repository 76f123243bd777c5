"""A whole study in mode "cathode" with varied inputs: trained once, resumed, scored anew."""

from dataclasses import replace

import numpy as np
import pytest
from toys import QUICK_CATHODE

from raysearch import load_study, read_events, resume, search
from raysearch.files import write_json

# Two sets of hyperparameters, side by side on Ray.
CATHODE = replace(QUICK_CATHODE, trials=2)
pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.slow]


@pytest.fixture(scope="module")
def study(local_ray, events_file, tmp_path_factory):
    return search(
        events_file,
        mode="cathode",
        features="baseline+rotated+noise2",
        space="hgb",
        sampler="random",
        trials=2,
        repeats=1,
        n_signal=300,
        cathode=CATHODE,
        out=tmp_path_factory.mktemp("studies") / "cathode",
        say=lambda line: None,
    )


def test_the_check_is_kept_and_told(study):
    density = study.about["density"]["baseline+rotated+noise2"]
    assert density["estimator"] == "maf"
    assert density["check"]["events"] > 1000
    given, other = density["attempts"]
    assert given["parameters"] == QUICK_CATHODE.parameters
    assert other["parameters"].items() > given["parameters"].items()
    assert density["validation_loss"] == min(a["validation_loss"] for a in (given, other))
    assert 'id="template"' in (study.directory / "report.html").read_text()
    assert study.about["settings"]["cathode"] == CATHODE.as_json()


def test_the_saved_detector_scores_a_file_of_plain_columns(study, events):
    scores = study.detector().score(events)
    assert scores[events.labels].mean() > scores[~events.labels].mean()


def test_a_resumed_study_trains_no_density_again(study):
    kept = read_events(study.directory / "template.baseline+rotated+noise2.h5")
    table = study.scores()
    about = study.about
    about["ended_early"] = "interrupted"
    write_json(study.directory / "study.json", about)
    said = []
    resume(study.directory, say=said.append)
    assert not [line for line in said if "training the density" in line]
    again = load_study(study.directory)
    assert again.about["density"] == about["density"]
    np.testing.assert_array_equal(again.scores()["mjj_tev"], table["mjj_tev"])
    n_data = about["counts"]["cathode"]["data"]
    template = again.scores()["mjj_tev"].to_numpy()[n_data : n_data + len(kept)]
    np.testing.assert_array_equal(template, kept.mjj_tev)
