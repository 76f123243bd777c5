"""One study over several modes and feature sets, on real Ray processes."""

import json

import numpy as np
import pytest
from toys import toy_sample

from raysearch import InputError, read_events, search
from raysearch.backgrounds import template_of
from raysearch.samples import View
from raysearch.score import score_file
from raysearch.settings import Resources, Settings
from raysearch.tuning.cluster import share
from raysearch.tuning.history import History
from raysearch.tuning.run import run_search
from raysearch.tuning.task import Task

pytestmark = [
    pytest.mark.xdist_group("ray"),
    pytest.mark.usefixtures("local_ray"),
    pytest.mark.filterwarnings("default"),
]
QUIET = {"say": lambda line: None}
JOINT = {
    **{"mode": "idealised,cwola", "features": ["baseline", "baseline+noise2"]},
    **{"sampler": "random", "trials": 6, "repeats": 2, "n_signal": 400, "seed": 4},
    **{"space": "own_spaces:small_trees", "contenders": 3},
}


@pytest.fixture(scope="module")
def study(events, local_ray, tmp_path_factory):
    out = tmp_path_factory.mktemp("studies") / "joint"
    with pytest.MonkeyPatch.context() as patch:
        # Nobody looks at its figures.
        patch.setattr("raysearch.report.figures.FIGURES", {})
        return search(events, **JOINT, out=out, **QUIET)


def views(study):
    rows = study.table().to_pylist()
    return {r["trial_id"]: View(r["config.mode"], r["config.features"]) for r in rows}


def test_trials_are_of_several_modes_and_feature_sets(study):
    assert {row["state"] for row in study.table().to_pylist()} == {"COMPLETE"}
    assert len({view.mode for view in views(study).values()}) == 2
    assert len({view.features for view in views(study).values()}) == 2


def test_a_choice_has_the_mode_and_features_of_its_trial(study):
    of = views(study)
    choices = study.selection["choices"]
    for name in ("val_sic", "val_loss", "max_sic"):
        setup = choices[name]["setup"]
        assert View(setup["mode"], setup["features"]) == of[choices[name]["trial_id"]]


def test_the_recommended_mean_is_of_the_template_of_the_best(study):
    of = views(study)
    choices = study.selection["choices"]
    found = choices["recommended"]
    assert found["trials"][0] == choices["val_sic"]["trial_id"]
    (template,) = {template_of(of[trial]) for trial in found["trials"]}
    assert found["setup"]["mode"] == template
    assert {part["features"] for part in found["parts"]} == {
        of[t].features for t in found["trials"]
    }
    counts = study.about["counts"][template]
    assert found["preference"]["data"] == round(0.2 * counts["data"])
    assert found["preference"]["template"] == round(0.2 * counts["template"])


def test_scores_are_of_ones_own_template(study):
    table, counts = study.scores(), study.about["counts"]
    names = np.array(table["template"].to_pylist(), dtype=object)
    for name, choice in study.selection["choices"].items():
        scored = np.array(table[f"score.{name}"].is_valid())
        mode = choice["setup"]["mode"]
        assert {n for n in names[scored] if n} == {mode}
        is_template = names == mode
        assert is_template.sum() == counts[mode]["template"] == scored[is_template].sum()


def test_a_new_file_is_scored_as_the_study_scored_its_test(study, tmp_path):
    inputs = study.directory / "inputs" / "events.h5"
    for objective in ("val_sic", "recommended"):
        n = score_file(study.directory, inputs, tmp_path / f"{objective}.h5", objective)
        assert n == len(read_events(tmp_path / f"{objective}.h5")) == len(read_events(inputs))


def records(folder, strategy, backend):
    """How the trials of a search over toy samples ended, whenever that was."""
    settings = Settings(
        mode=("idealised", "cwola"), features=("baseline", "baseline_dr"), strategy=strategy,
        space="hgb", sampler="random", trials=9, repeats=1,
    )  # fmt: skip
    samples = {view: toy_sample(seed=k, d=3 + k) for k, view in enumerate(settings.views)}
    folder.mkdir()
    history, task = History(folder, settings), Task(share(samples), 1, 1)
    run_search(history, task, settings, Resources(backend=backend), lambda *_: None, lambda _: None)
    return {i: (p, r._replace(seconds=0.0)) for i, (p, r) in history.records().items()}


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["joint", "steps"])
def test_either_backend_has_the_same_trials(strategy, tmp_path):
    tuned, direct = (records(tmp_path / name, strategy, name) for name in ("tune", "direct"))
    assert tuned == direct
    assert {record.state for _, record in direct.values()} == {"COMPLETE"}


def test_columns_that_a_set_lacks_are_named_before_anything_starts(events, tmp_path):
    with pytest.raises(InputError, match="'baseline_dr' needs the columns delta_r"):
        search(events, features="baseline,baseline_dr", out=tmp_path / "s", **QUIET)
    assert not (tmp_path / "s").exists()


def test_the_settings_are_lists(study):
    settings = json.loads((study.directory / "study.json").read_text())["settings"]
    assert settings["mode"] == ["idealised", "cwola"]
    assert settings["features"] == ["baseline", "baseline+noise2"]
