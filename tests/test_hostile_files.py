"""A study that somebody else made is data: whatever its files hold, nothing in them is run."""

import pickle
import re
import sqlite3
import subprocess
import sys
from contextlib import nullcontext, suppress

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toys import QUICK, fitted, hand_made_study, toy_events, toy_rows, two_members
from traps import Hostile

from raysearch import api, load_study, resume
from raysearch.detectors import detector
from raysearch.directories import locked
from raysearch.errors import InputError
from raysearch.events import write_columns
from raysearch.files import write_json
from raysearch.mixture import load_mixture
from raysearch.nplm.store import check_directory
from raysearch.scanning import load_scan
from raysearch.score import score_file
from raysearch.tuning.history import History

SCRIPT = "<script>fetch('http://evil')</script>"


PICKLE = pickle.dumps(Hostile())


@pytest.fixture
def use(tmp_path, monkeypatch):
    """Does with a study what a user does, up to the first trial; errors are welcome."""
    monkeypatch.setattr(api, "connected", lambda *given: nullcontext())
    for name in ("_inputs", "prepare_study"):
        monkeypatch.setattr(api, name, lambda *given, **named: None)
    opened = []

    def execute(study, settings, *given):
        opened.append(History(study.directory, settings).records())

    monkeypatch.setattr(api, "_execute", execute)
    write_columns(tmp_path / "events.h5", toy_events(300, 0))

    def of(directory):
        for what in (
            lambda: load_study(directory).report(),
            lambda: score_file(directory, tmp_path / "events.h5", tmp_path / "scores.h5"),
            lambda: resume(directory, say=lambda line: None),
        ):
            with suppress(Exception):
                what()
        return opened

    return of


FILES = ["study.json", "trials.parquet", "selection.json", "optuna.db", "scores.parquet"]
FILES += ["template.baseline.h5", "detector/val_sic/detector.json", "detector/val_sic/trees.skops"]


def test_a_study_of_ones_own_is_used_up_to_its_trials(tmp_path, use):
    assert use(hand_made_study(tmp_path / "study").directory) == [{}]


@pytest.mark.parametrize("name", FILES)
def test_a_pickle_in_the_place_of_a_file_is_not_run(name, tmp_path, ran, use):
    directory = hand_made_study(tmp_path / "study").directory
    (directory / name).write_bytes(PICKLE)
    use(directory)
    assert not ran


def test_a_table_that_names_a_pickled_type_is_not_run(tmp_path, ran):
    directory = hand_made_study(tmp_path / "study").directory
    told = {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": PICKLE}
    table = pq.read_table(directory / "trials.parquet")
    field = pa.field("config.x", pa.int64(), metadata=told)
    pq.write_table(table.append_column(field, pa.array([1])), directory / "trials.parquet")
    with suppress(Exception):
        load_study(directory).report()
    assert not ran


def test_weights_of_objects_are_refused_and_not_run(tmp_path, ran):
    rows, members = toy_rows(200, 200, 40), two_members(400)
    fitted(detector("mlp"), rows, members, QUICK["mlp"], epochs=1).save(tmp_path)
    (path,) = tmp_path.glob("*.npz")
    with np.load(path, allow_pickle=False) as arrays:
        kept = dict(arrays)
    np.savez(path, **{**kept, "centre": np.array([Hostile()], dtype=object)})
    with pytest.raises(InputError, match="must hold"):
        detector("mlp").load(tmp_path)
    assert not ran


def test_a_template_of_objects_is_refused_and_not_run(tmp_path, ran):
    write_json(tmp_path / "mixture.json", {"schema": 2, "parts": 1})
    (tmp_path / "0").mkdir()
    np.save(tmp_path / "0" / "template_scores.npy", np.array([Hostile()], dtype=object))
    with pytest.raises(InputError, match="must hold a whole mixture"):
        load_mixture(tmp_path)
    assert not ran


def test_a_script_in_a_study_is_text_in_its_report(tmp_path):
    study = hand_made_study(tmp_path / "study")
    about = study.about
    about["versions"]["raysearch"] = SCRIPT
    about["settings"]["features"] = SCRIPT
    write_json(study.directory / "study.json", about)
    table = study.table()
    place = table.schema.get_field_index("error")
    hostile = table.set_column(place, "error", pa.array([SCRIPT]))
    pq.write_table(hostile, study.directory / "trials.parquet")
    page = study.report().read_text()
    assert SCRIPT not in page
    assert not re.search(r"<script[^>]*>fetch", page)


def test_a_detector_outside_the_study_is_not_loaded(tmp_path):
    study = hand_made_study(tmp_path / "study")
    hand_made_study(tmp_path / "other")
    with pytest.raises(InputError, match="unknown objective"):
        study.detector("../../other/detector/val_sic")
    selection = {"schema": 1, "objective": "../../other/detector/val_sic", "choices": {}}
    write_json(study.directory / "selection.json", selection)
    with pytest.raises(InputError, match="unknown objective"):
        study.detector()


def test_a_database_that_is_none_runs_nothing(tmp_path, ran, use):
    directory = hand_made_study(tmp_path / "study").directory
    with sqlite3.connect(directory / "optuna.db") as database:
        database.execute("create table studies (study_id integer, study_name blob)")
        database.execute("insert into studies values (1, ?)", (PICKLE,))
    database.close()
    use(directory)
    assert not ran


LINKS = [".lock", "optuna.db", "figures", "detector", "detector/recommended", "report.html"]


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize("is_folder", [False, True])
def test_a_link_in_a_study_leads_nowhere(name, is_folder, tmp_path):
    mine = tmp_path / "mine" / "sic.png"
    mine.parent.mkdir()
    mine.write_text("ten years")
    directory = hand_made_study(tmp_path / "study", complete=name != "detector").directory
    (directory / name).symlink_to(mine.parent if is_folder else mine)
    uses = [load_study, lambda d: resume(d, say=lambda line: None), lambda d: locked(d).__enter__()]
    for use in uses:
        with pytest.raises(InputError, match=r"must be a file or folder .* but it is a link to"):
            use(directory)
    assert list(mine.parent.iterdir()) == [mine]
    assert mine.read_text() == "ten years"


def test_a_link_in_a_scan_or_a_test_leads_nowhere(tmp_path):
    (tmp_path / "figures").symlink_to(tmp_path)
    for use in (load_scan, lambda directory: check_directory(directory, {})):
        with pytest.raises(InputError, match="but it is a link to"):
            use(tmp_path)


def test_a_study_may_be_reached_by_a_link(tmp_path):
    made = hand_made_study(tmp_path / "study")
    (tmp_path / "link").symlink_to(made.directory)
    assert load_study(tmp_path / "link").about == made.about


def test_the_space_of_a_study_is_not_run_from_within_it(tmp_path, monkeypatch):
    study = hand_made_study(tmp_path / "study")
    (study.directory / "evil.py").write_text("raise SystemExit('it ran')")
    about = study.about
    about["settings"]["space"] = "evil:space"
    write_json(study.directory / "study.json", about)
    monkeypatch.chdir(study.directory)
    with pytest.raises(InputError, match=r"'evil:space' is .*evil\.py; read it"):
        resume(study.directory, say=lambda line: None)


TRAP = "import pathlib; pathlib.Path(__file__).with_suffix('.ran').touch()"


@pytest.mark.parametrize("words", [["report", "."], ["resume", "."], ["pack", "."]])
def test_modules_that_lie_in_the_current_directory_are_not_imported(words, tmp_path):
    """`lz4` is one that a library tries to import, `json` one that all of them do."""
    study = hand_made_study(tmp_path / "study")
    write_json(study.directory / "study.json", {**study.about, "ended_early": None})
    for name in ("lz4", "json"):
        (study.directory / f"{name}.py").write_text(TRAP)
    command = [sys.executable, "-P", "-m", "raysearch", *words]
    subprocess.run(command, cwd=study.directory, check=True, capture_output=True)
    assert list(study.directory.glob("*.ran")) == []
