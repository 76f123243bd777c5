"""The state of a page: what a viewer is sent, and where a study stands."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_studies import SCRIPT, Driver, complete, failed, many, pruned
from toys import hand_made_study

from raysearch.directories import LOCK, locked
from raysearch.files import write_json
from raysearch.live.phase import phase
from raysearch.live.running import is_held
from raysearch.live.state import State, message
from raysearch.schemas import write_table
from raysearch.scores import TABLE_SCHEMA
from raysearch.tuning.place import DATABASE, Place


def head(snapshot):
    return json.loads(snapshot.head)


@pytest.fixture
def driver(tmp_path):
    return Driver(tmp_path / "study", trials=6)


@pytest.fixture
def state(driver):
    return State(driver.directory, driver.settings)


def test_a_running_study_is_told_whole(driver, state):
    driver.run(complete(0.4, 3.0), complete(0.8, 5.0), pruned(), failed("no more memory"))
    driver.begin(2)
    with locked(driver.directory):
        told = head(state.refresh())
    assert told["phase"]["name"] == "running"
    assert told["counts"] == {"COMPLETE": 2, "PRUNED": 1, "FAIL": 1, "RUNNING": 2, "asked": 6}
    assert told["best"]["trial"] == "00001"
    assert told["best"]["objective"] == 0.8
    assert "hgb/max_iter" in dict(told["best"]["parameters"])
    assert told["failures"] == [{"reason": "no more memory", "count": 1, "trials": ["00003"]}]
    assert told["correlation"] == {"rank": 1.0, "trials": 2}
    assert [trial["trial"] for trial in told["running"]] == ["00004", "00005"]


def test_nothing_new_is_nothing_to_tell(driver, state):
    driver.run(complete())
    one, other = state.refresh(), state.refresh()
    assert one == other


def test_a_viewer_is_sent_what_it_has_not(driver, state):
    driver.run(complete(0.1), complete(0.2))
    first = state.refresh()
    driver.run(complete(0.3))
    second = state.refresh()
    assert second.life == first.life
    news = json.loads(message(second, first.life, first.n_rows))
    assert (news["from"], len(news["rows"])) == (2, 1)
    assert news["rows"][0][0] == 2
    whole = json.loads(message(second, "", 0))
    assert (whole["from"], len(whole["rows"])) == (0, 3)
    assert json.loads(message(second, "other", 2))["from"] == 0
    assert json.loads(message(second, second.life, 9))["from"] == 0


def test_another_database_is_another_life(driver, state, tmp_path):
    driver.run(complete())
    first = state.refresh()
    other = Driver(tmp_path / "other")
    other.run(failed(), failed())
    (other.directory / DATABASE).replace(driver.directory / DATABASE)
    second = state.refresh()
    assert second.life != first.life
    assert (second.n_rows, first.n_rows) == (2, 1)


def test_time_left_follows_from_the_pace(driver, monkeypatch):
    from raysearch.live import state as module

    driver.run(*[complete()] * 4)
    monkeypatch.setattr(module.Tally, "last_end", 1000.0)
    monkeypatch.setattr(module.Tally, "pace", lambda self: module_pace)
    from raysearch.live.pace import Pace

    module_pace = Pace(10.0, 20.0, 2.0)
    with locked(driver.directory):
        told = head(State(driver.directory, driver.settings).refresh())
    assert told["ends_at"] == 1020.0
    assert told["pace"]["busy_workers"] == 2.0


ABOUT = {"settings": {}}


@pytest.mark.parametrize(
    ("further", "held", "left", "silent_s", "name"),
    [
        ({}, True, 5, float("inf"), "preparing"),
        ({}, True, 5, 1000.0, "running"),
        ({}, True, 0, 5.0, "retraining"),
        ({}, False, 5, 5.0, "running"),
        ({}, False, 5, 1000.0, "stopped"),
        ({}, False, 5, float("inf"), "stopped"),
        ({"ended_early": None}, False, 0, 5.0, "finished"),
        ({"ended_early": "interrupted"}, False, 3, 5.0, "ended early"),
        ({"ended_early": "interrupted"}, True, 3, 5.0, "running"),
    ],
)
def test_where_a_study_stands(tmp_path, further, held, left, silent_s, name):
    found = phase({**ABOUT, **further}, tmp_path, held=held, left=left, silent_s=silent_s)
    assert found.name == name
    assert ("raysearch resume" in found.sentence) == (name in ("stopped", "ended early"))


def test_a_lock_is_seen_and_not_touched(tmp_path):
    assert not is_held(tmp_path / LOCK)
    with locked(tmp_path):
        assert is_held(tmp_path / LOCK)
    assert not is_held(tmp_path / LOCK)
    assert not is_held(tmp_path / LOCK, tmp_path / "no list of the kernel")


def finished(directory):
    """The files of a study whose choices are made."""
    driver = Driver(directory, trials=1)
    driver.run(complete(0.5, 4.0))
    hand_made_study(directory)
    driver.ended()
    rng = np.random.default_rng(0)
    is_signal = np.arange(4000) < 1000
    scores = (rng.normal(size=4000) + 2 * is_signal).astype(np.float32)
    table = {"sample": ["test"] * 4000, "mjj_tev": np.full(4000, 3.5, np.float32)}
    table |= {"is_signal": is_signal, "score.val_sic": scores}
    write_table(directory / "scores.parquet", pa.table(table), TABLE_SCHEMA)
    return driver


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("original") / "study")


@pytest.fixture
def over(original, tmp_path):
    """A copy of a finished study, and its state."""
    directory = tmp_path / "study"
    shutil.copytree(original.directory, directory)
    return directory, State(directory, original.settings)


def test_a_finished_study_has_its_verdict_and_curves(over):
    _, state = over
    snapshot = state.refresh()
    told = json.loads(snapshot.outcome)
    assert head(snapshot)["phase"]["name"] == "finished"
    assert "By val SIC the best setup is hgb" in told["sentences"][0]
    (curve,) = told["curves"]
    assert curve["name"] == "val_sic"
    assert 10 < len(curve["x"]) <= 300
    assert max(curve["y"]) > 2
    assert curve["x"] == sorted(curve["x"])


def test_without_scores_it_is_said_why_there_is_no_curve(over):
    directory, state = over
    (directory / "scores.parquet").unlink()
    told = json.loads(state.refresh().outcome)
    assert told["curves"] == []
    assert "no event was scored" in told["absence"]


HOSTILE = [b"", b"{", b"[]", b"[" * 100_000, b"\x80\x04K\x01.", b'{"choices": 7}', b"PAR1" * 100]


@pytest.mark.parametrize("contents", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(
    "name", ["study.json", "selection.json", "scores.parquet", "trials.parquet", DATABASE]
)
def test_whatever_a_file_holds_the_page_has_a_state(over, name, contents):
    directory, state = over
    (directory / name).write_bytes(contents)
    snapshot = state.refresh()
    json.loads(snapshot.head, parse_constant=pytest.fail)
    json.loads(snapshot.outcome, parse_constant=pytest.fail)
    assert b"Traceback" not in snapshot.head + snapshot.outcome


def test_a_broken_database_is_told_as_a_problem_and_mends(driver, state):
    driver.run(complete())
    state.refresh()
    path = driver.directory / DATABASE
    held = path.read_bytes()
    path.write_bytes(b"no database")
    told = head(state.refresh())
    assert "holds no trials" in told["problem"]
    assert told["counts"]["COMPLETE"] == 1
    path.write_bytes(held)
    assert head(state.refresh())["problem"] == ""


PLACES = [7, None, "sqlite", [], {"where": 7}, {"where": "x"}, {"where": "sqlite", "study": []}]
PLACES += [
    {"other": 1},
    {"where": "postgresql://me:secret@host/a"},
    {"where": "postgresql://[", "a": 1},
]


@pytest.mark.parametrize("named", PLACES, ids=range(len(PLACES)))
def test_a_place_that_is_none_is_told_as_a_problem(driver, state, named):
    write_json(driver.directory / "study.json", {**driver.about, "history": named})
    told = head(state.refresh())
    assert told["problem"].startswith("study.json names no place of its trials")
    assert "secret" not in told["problem"]


def test_a_study_that_moved_elsewhere_is_followed_there(driver, state, tmp_path_factory):
    driver.run(complete())
    first = state.refresh()
    with Driver(tmp_path_factory.mktemp("other"), place=Place("journal")) as other:
        other.run(failed(), failed())
    for name in ("study.json", "optuna.journal"):
        (other.directory / name).replace(driver.directory / name)
    second = state.refresh()
    assert second.life != first.life
    assert head(second)["counts"]["FAIL"] == 2


@given(st.text(max_size=50))
def test_reasons_are_told_as_they_are(reason):
    from raysearch.live.feed import Ended
    from raysearch.live.tally import Tally
    from raysearch.objectives import VAL_SIC

    tally = Tally(VAL_SIC)
    tally.add([Ended(0, None, failed(reason)._asdict())])
    (told,) = tally.failures
    assert told == (reason.encode(errors="replace").decode() or "its record cannot be read")


def test_a_name_with_a_script_is_text(tmp_path):
    name = "<script>alert(1)<" + chr(47) + "script>"
    driver = Driver(tmp_path / name.replace("/", "_"), trials=2)
    driver.run(failed(SCRIPT))
    about = {**driver.about, "created": SCRIPT}
    write_json(driver.directory / "study.json", about)
    told = head(State(driver.directory, driver.settings).refresh())
    assert told["failures"][0]["reason"] == SCRIPT
    assert told["created"] == SCRIPT


def test_many_trials_are_read_at_once(tmp_path):
    driver = Driver(tmp_path, trials=300)
    many(driver, 300)
    snapshot = State(driver.directory, driver.settings).refresh()
    assert snapshot.n_rows == 300
    rows = json.loads(message(snapshot, "", 0))["rows"]
    assert [row[0] for row in rows] == list(range(300))
