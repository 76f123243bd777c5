"""The whole search on real Ray processes."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import ray
from processes import kill_children

from raysearch import InputError, load_study, read_events, resume, search
from raysearch.score import score_file

pytestmark = [
    pytest.mark.xdist_group("ray"),
    pytest.mark.usefixtures("local_ray"),
    pytest.mark.filterwarnings("default"),
]
QUIET = {"say": lambda line: None}


@pytest.fixture(scope="module")
def study(events, local_ray, tmp_path_factory):
    out = tmp_path_factory.mktemp("studies") / "study"
    few = {"trials": 5, "repeats": 2, "contenders": 3}
    return search(events, n_signal=300, **few, seed=3, out=out, **QUIET)


def test_a_study_directory_holds_what_it_should(study):
    names = {path.name for path in study.directory.iterdir()}
    wanted = {"study.json", "trials.parquet", "selection.json", "report.html", "figures"}
    assert wanted | {"detector"} <= names
    about = json.loads((study.directory / "study.json").read_text())
    assert about["inputs"]["events"]["sha256"]
    assert about["versions"]["ray"] == ray.__version__
    assert about["settings"]["seed"] == 3


def test_every_trial_records_all_metrics_with_their_spread(study):
    table = study.table()
    assert table.num_rows == 5
    for metric in ("val_sic", "val_loss", "max_sic"):
        for row in table.to_pylist():
            if row["state"] == "COMPLETE":
                assert np.isfinite([row[metric], row[f"{metric}_std"]]).all()


def test_each_objective_has_a_winner_with_an_ensemble(study):
    choices = study.selection["choices"]
    recommended = choices.pop("recommended")
    assert set(choices) == {"val_sic", "val_loss", "max_sic"}
    assert choices["max_sic"]["ensemble"]["regret"] == 1
    own = {row["trial_id"]: row["max_sic_at_val_sic"] for row in study.table().to_pylist()}
    best = choices["val_sic"]
    assert best["trial"]["max_sic"] == own[best["trial_id"]]
    assert recommended["ensemble"]["metrics"]["max_sic"] > 1
    assert 1 <= len(recommended["trials"]) <= 3
    assert study.best["ensemble"]["metrics"]["max_sic"] > 1


@pytest.mark.usefixtures("undrawn")
def test_an_objective_of_all_rows_picks_and_ranks_as_many_contenders_as_asked(events, tmp_path):
    found = search(
        events,
        n_signal=300,
        space="own_spaces:small_trees",
        objective="cross_sic",
        trials=4,
        repeats=2,
        contenders=2,
        verdict_share=0,
        out=tmp_path / "study",
        **QUIET,
    )
    rows = [row for row in found.table().to_pylist() if row["state"] == "COMPLETE"]
    best = sorted(rows, key=lambda row: -row["cross_sic"])
    assert all(row["cross_sic_std"] == 0 for row in rows)  # the two halves have one value
    assert found.best["trial_id"] == best[0]["trial_id"]
    assert found.best["trial"]["max_sic"] == best[0]["max_sic_at_cross_sic"]
    recommended = found.selection["choices"]["recommended"]
    assert recommended["trials"] == [row["trial_id"] for row in best[:2]]
    assert "cross_sic" in {path.name for path in (found.directory / "detector").iterdir()}


def test_the_verdict_is_asked_and_told(study):
    about, found = study.about, study.preference
    assert found["data"] + found["template"] == about["counts"]["idealised"]["verdict"]
    assert found["data"] == round(0.2 * about["counts"]["idealised"]["data"])
    assert 0 < found["p_value"] <= 1
    headline = "Preference" if found["is_clear"] else "No preference"
    assert f'class="verdict">{headline}<' in (study.directory / "report.html").read_text()
    assert headline in study.summary().splitlines()[-1]


def test_the_chosen_detector_scores_a_new_file_as_it_scored_the_study(study, tmp_path):
    inputs = study.directory / "inputs" / "events.h5"
    n = score_file(study.directory, inputs, tmp_path / "scores.h5")
    scored = read_events(tmp_path / "scores.h5")
    assert n == len(scored) == len(read_events(inputs))
    # Some masses are equal in single precision; the others name their event.
    masses, first, times = np.unique(scored.mjj_tev, return_index=True, return_counts=True)
    alone = times == 1
    own = scored.column("score")[first[alone]]
    scores = dict(zip(masses[alone].tolist(), own.tolist(), strict=True))
    table = study.scores()
    test = table.filter(np.equal(table["sample"].to_pylist(), "test"))
    stored = zip(test["mjj_tev"].to_pylist(), test["score.val_sic"].to_pylist(), strict=True)
    pairs = [(scores[mass], score) for mass, score in stored if mass in scores]
    assert len(pairs) > 0.9 * test.num_rows
    np.testing.assert_allclose(*zip(*pairs, strict=True), atol=1e-4)


def test_a_trial_that_trained_all_its_epochs_and_repeats_is_complete(study):
    for row in study.table().to_pylist():
        all_epochs = {"mlp": 20}.get(row["config.detector"], 1)
        # One that was stopped at a rung of a single repeat has no spread.
        is_whole = row["epochs"] == all_epochs and row["val_sic_std"] > 0
        assert (row["state"] == "COMPLETE") == is_whole


@pytest.mark.usefixtures("undrawn")
def test_a_complete_study_is_not_run_again(study, monkeypatch):
    monkeypatch.setattr("raysearch.execute.execute", None)
    lines = []
    assert resume(study.directory, say=lines.append).directory == study.directory
    assert "complete" in lines[0]


def test_a_report_of_a_real_study_names_members_and_spread(study):
    page = study.report().read_text()
    assert f"ensemble of {study.best['ensemble']['members']}" in page
    assert study.best["trial"]["val_sic_std"] >= 0


def test_trials_that_need_a_gpu_nobody_has_are_refused(events, tmp_path, monkeypatch):
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 2.0})
    with pytest.raises(InputError, match="needs a GPU"):
        search(events, gpus_per_trial=0.5, out=tmp_path / "s", **QUIET)
    assert not (tmp_path / "s" / "study.json").exists()


def test_a_retraining_that_fails_costs_neither_the_report_nor_the_others(local_ray):
    from raysearch.inputs import surrogate_inputs
    from raysearch.prepare import prepare_study
    from raysearch.settings import Settings
    from raysearch.trial import Setup
    from raysearch.tuning.refits import Winner, refit_all

    settings = Settings(trials=1)
    prepared = prepare_study(surrogate_inputs(["baseline"], settings.region, 500, 1), settings)
    good = Setup("idealised", "baseline", "hgb", {"max_iter": 3})
    bad = Setup("idealised", "baseline", "hgb", {"max_bins": 1})
    chosen = {"val_sic": Winner(0, good, "val_sic"), "val_loss": Winner(1, bad, "val_loss")}
    found = refit_all(chosen, prepared.samples, 1)
    assert found["val_sic"].final.members == 5
    assert "max_bins" in found["val_loss"].final
    with pytest.raises(KeyboardInterrupt):
        refit_all(chosen, prepared.samples, 1, halt=lambda: True)


def test_a_file_without_labels_works_end_to_end(events, tmp_path):
    data = events.without_labels()
    few = {"trials": 2, "repeats": 1, "contenders": 1}
    study = search(
        data, mode="cwola", space="own_spaces:small_trees", **few, out=tmp_path / "s", **QUIET
    )
    assert set(study.selection["choices"]) == {"val_sic", "val_loss", "recommended"}
    assert study.best["ensemble"]["regret"] is None
    assert study.best["ensemble"]["metrics"] is None
    assert study.table()["max_sic"].null_count == 2


@pytest.mark.usefixtures("undrawn")
def test_failing_trials_are_recorded_with_their_reason_and_end_nothing(
    events, tmp_path, monkeypatch
):
    def begin_to_raise(line):
        monkeypatch.setenv("RARE", "0.7")

    study = search(
        events,
        space="failing_space:space",
        sampler="random",
        trials=15,
        repeats=1,
        backend="tune",
        # What follows the search is not looked at.
        contenders=1,
        verdict_share=0,
        out=tmp_path / "s",
        say=begin_to_raise,
    )
    rows = study.table().to_pylist()
    unsuggested = [row for row in rows if row["config.rare"] > 0.7]
    by_kind = {row["config.kind"]: row for row in rows if row["config.rare"] <= 0.7}
    assert len(rows) == 15
    assert unsuggested
    assert all("a rare branch" in row["error"] for row in unsuggested)
    assert set(by_kind) == {"good", "raises", "nan", "unknown"}
    assert "did you mean 'hgb'" in by_kind["unknown"]["error"]
    assert by_kind["good"]["state"] == "COMPLETE"
    assert "max_bins" in by_kind["raises"]["error"]
    assert "finite" in by_kind["nan"]["error"]
    assert by_kind["nan"]["state"] == by_kind["raises"]["state"] == "FAIL"


@pytest.mark.slow
def test_a_trial_whose_worker_is_killed_is_run_again(events, tmp_path):
    killed = []

    def kill_once(line):
        # The first line says that a trial has ended: a worker is at the next one.
        if not killed:
            killed.extend(kill_children("TrialActor"))

    study = search(
        events,
        space="failing_space:mortal",
        trials=4,
        repeats=2,
        backend="tune",
        out=tmp_path / "s",
        say=kill_once,
    )
    assert killed
    assert [(r["state"], r["error"]) for r in study.table().to_pylist()] == [("COMPLETE", None)] * 4


@pytest.mark.usefixtures("undrawn")
def test_a_study_that_reaches_its_time_budget_says_so_and_can_go_on(events, tmp_path):
    lines = []
    study = search(
        events,
        space="failing_space:mortal",
        trials=2000,
        repeats=2,
        time_budget_s=6,
        # What follows the search is not looked at.
        contenders=1,
        verdict_share=0,
        out=tmp_path / "s",
        say=lines.append,
    )
    assert "time budget" in lines[-1]
    assert study.table().num_rows < 2000
    assert (load_study(tmp_path / "s").directory / "report.html").is_file()
    assert pq.read_table(tmp_path / "s" / "trials.parquet").num_rows == study.table().num_rows
