"""Snapshots: what is restored is what lay in the study at one moment."""

import json
import sqlite3
import threading
from contextlib import closing

import pytest
from object_stores import restored

from raysearch.remote.objects import Unreachable, open_objects
from raysearch.remote.restoring import newest_snapshot, restore
from raysearch.remote.snapshots import Publisher
from raysearch.remote.writers import Writer, claim

FIRST, SECOND = Writer(1, "a" * 16), Writer(2, "b" * 16)


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "study"
    (path / "inputs").mkdir(parents=True)
    (path / "detector" / "val_sic").mkdir(parents=True)
    (path / "study.json").write_text("{}")
    (path / "inputs" / "events.h5").write_bytes(b"events")
    (path / "detector" / "val_sic" / "one.json").write_text("[1]")
    (path / ".lock").write_text("")
    return path


def publisher(objects, study, writer=FIRST):
    objects.put(writer.claim, b'{"schema": 1, "beat": "0"}')
    return Publisher(objects, writer, study, {})


def test_a_study_comes_back_with_its_inputs_and_without_its_locks(uri, study, tmp_path):
    objects = open_objects(uri)
    assert publisher(objects, study).publish()
    assert restored(objects, tmp_path / "back") == {
        "study.json": b"{}",
        "inputs/events.h5": b"events",
        "detector/val_sic/one.json": b"[1]",
    }


def test_only_what_has_changed_is_sent(uri, study, tmp_path, monkeypatch):
    objects, sent = open_objects(uri), []
    put = type(objects).put_file
    monkeypatch.setattr(
        type(objects), "put_file", lambda self, *a: (sent.append(a[1].read_bytes()), put(self, *a))
    )
    making = publisher(objects, study)
    assert making.publish()
    assert sorted(sent) == [b"[1]", b"events", b"{}"]
    sent.clear()
    assert not making.publish()
    (study / "study.json").write_text('{"more": 1}')
    (study / "copy.json").write_text("[1]")
    assert making.publish()
    assert sent == [b'{"more": 1}']
    assert restored(objects, tmp_path / "back")["copy.json"] == b"[1]"


def test_old_contents_go_and_those_in_use_stay(uri, study, tmp_path):
    objects = open_objects(uri)
    making = publisher(objects, study)
    for number in range(6):
        (study / "study.json").write_text(json.dumps(number))
        making.publish()
    assert len(objects.names(f"{FIRST.folder}/snapshots")) == 2
    assert len(objects.names(f"{FIRST.folder}/files")) == 2 + 2
    assert restored(objects, tmp_path / "back")["study.json"] == b"5"


def test_a_database_is_published_between_two_transactions(uri, study, tmp_path):
    objects = open_objects(uri)
    making = publisher(objects, study)
    with closing(sqlite3.connect(study / "history.db")) as database:
        database.execute("pragma journal_mode=wal")
        database.execute("create table trials (number)")
        database.commit()
        for number in range(3):
            database.execute("insert into trials values (?)", [number])
            database.commit()
            # The new row is in the journal only.
            assert making.publish()
        database.execute("insert into trials values (99)")
        assert not making.publish()
        restored(objects, tmp_path / "back")
        database.rollback()
    with closing(sqlite3.connect(tmp_path / "back" / "history.db")) as database:
        assert database.execute("select number from trials").fetchall() == [(0,), (1,), (2,)]


def test_who_reads_while_it_is_published_finds_one_moment(tmp_path):
    objects, study = open_objects(f"file://{tmp_path}/store"), tmp_path / "study"
    study.mkdir()
    making, over = publisher(objects, study), threading.Event()

    def grow():
        number = 0
        while not over.is_set():
            for name in ("study.json", "same.json"):
                (study / name).write_text(str(number))
            making.publish()
            number += 1

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        while newest_snapshot(objects) is None:
            pass
        for number in range(30):
            found = restored(objects, tmp_path / f"back{number}")
            assert found["study.json"] == found["same.json"]
    finally:
        over.set()
        thread.join()


def test_what_a_replaced_writer_still_publishes_is_not_read(uri, study, tmp_path):
    objects = open_objects(uri)
    old = publisher(objects, study)
    old.publish()
    new = publisher(objects, study, SECOND)
    (study / "study.json").write_text('"new"')
    new.publish()
    (study / "study.json").write_text('"late"')
    old.publish()
    assert restored(objects, tmp_path / "back")["study.json"] == b'"new"'
    new.remove_earlier()
    assert newest_snapshot(objects).writer == SECOND
    assert not objects.names(FIRST.folder)
    assert restored(objects, tmp_path / "again")["study.json"] == b'"new"'


def test_a_writer_that_published_nothing_hides_nothing(uri, study, tmp_path):
    objects = open_objects(uri)
    publisher(objects, study).publish()
    claim(objects, FIRST, lambda line: None)
    assert restored(objects, tmp_path / "back")["study.json"] == b"{}"


def test_what_a_killed_process_left_half_written_is_not_read(tmp_path, study):
    objects = open_objects(f"file://{tmp_path}/store")
    publisher(objects, study).publish()
    objects.put(SECOND.claim, b'{"schema": 1, "beat": "0"}')
    objects.put(f"{SECOND.folder}/snapshots/.0f3a.tmp", b"{")
    objects.put(f"{SECOND.folder}/snapshots/note.txt", b"{")
    assert restored(objects, tmp_path / "back")["study.json"] == b"{}"


def test_what_is_no_study_takes_no_ones_place(tmp_path, study):
    objects = open_objects(f"file://{tmp_path}/store")
    publisher(objects, study).publish()
    (study / "study.json").unlink()
    assert not publisher(objects, study, SECOND).publish()
    assert restored(objects, tmp_path / "back")["study.json"] == b"{}"


def test_what_has_not_changed_since_it_was_restored_is_not_sent_again(tmp_path, study):
    objects = open_objects(f"file://{tmp_path}/store")
    publisher(objects, study).publish()
    back = tmp_path / "back"
    back.mkdir()
    base = restore(objects, back).files
    again = Publisher(objects, SECOND, back, base)
    assert not again.publish()
    assert objects.names(SECOND.folder) == []
    (back / "study.json").write_text('"new"')
    assert again.publish()
    assert restored(objects, tmp_path / "third")["inputs/events.h5"] == b"events"


def test_after_an_outage_only_what_is_missing_is_sent(tmp_path, study, monkeypatch):
    objects, sent = open_objects(f"file://{tmp_path}/store"), []
    put = type(objects).put_file

    def put_one(self, name, path):
        if len(sent) == 1:
            sent.append(None)
            raise Unreachable("no route")
        sent.append(path.read_bytes())
        put(self, name, path)

    monkeypatch.setattr(type(objects), "put_file", put_one)
    making = publisher(objects, study)
    with pytest.raises(Unreachable):
        making.publish()
    assert newest_snapshot(objects) is None
    assert making.publish()
    assert sorted(s for s in sent if s) == [b"[1]", b"events", b"{}"]
    assert len(restored(objects, tmp_path / "back")) == 3
