"""Storage that is full or slow while a study runs; on real Ray processes."""

import time

import pytest
from full_disk import no_file_larger_than

from raysearch import load_study, resume, search
from raysearch.errors import InputError
from raysearch.tuning.database import Database

pytestmark = [
    pytest.mark.xdist_group("ray"),
    pytest.mark.usefixtures("local_ray", "undrawn"),
    pytest.mark.filterwarnings("default"),
]
TRIALS = 8


def study(out, events_file, **how):
    settings = {"space": "failing_space:quick", "sampler": "random", "repeats": 1, "n_signal": 300}
    # What follows the search is not looked at.
    settings |= {"contenders": 1, "verdict_share": 0}
    how = {"backend": "direct", **how}
    return search(events_file, **settings, trials=TRIALS, out=out, **how)


def told(lines):
    return [line for line in lines if "] trial 0" in line]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["direct", "tune"])
def test_full_storage_ends_a_study_in_a_sentence_and_it_goes_on_later(
    backend, events_file, tmp_path, monkeypatch
):
    out, lines, commit = tmp_path / "study", [], Database.commit
    monkeypatch.setattr("raysearch.tuning.pace._BATCH_MOST", 1)

    def commit_while_there_is_room(database):
        if len(told(lines)) < 2:
            return commit(database)
        with no_file_larger_than((out / "optuna.db").stat().st_size // 2):
            return commit(database)

    monkeypatch.setattr(Database, "commit", commit_while_there_is_room)
    with pytest.raises(InputError, match=r"make room and go on with the study by .raysearch resum"):
        study(out, events_file, backend=backend, say=lines.append)
    monkeypatch.setattr(Database, "commit", commit)
    before = len(told(lines))
    assert 2 <= before < TRIALS
    lines.clear()
    resume(out, say=lines.append)
    table = load_study(out).table()
    assert [int(name) for name in table["trial_id"].to_pylist()] == list(range(TRIALS))
    assert len(told(lines)) == TRIALS - before  # what was told was on disk


@pytest.mark.slow
def test_slow_storage_costs_time_only(events_file, tmp_path, monkeypatch):
    commit = Database.commit

    def late(database):
        time.sleep(0.5)
        commit(database)

    monkeypatch.setattr(Database, "commit", late)
    slow = study(tmp_path / "slow", events_file, say=lambda line: None)
    monkeypatch.setattr(Database, "commit", commit)
    quick = study(tmp_path / "quick", events_file, say=lambda line: None)
    assert timeless(slow) == timeless(quick)


def timeless(study):
    return study.table().drop_columns(["seconds"]).to_pylist()
