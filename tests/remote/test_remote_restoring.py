"""What is restored is not trusted: nothing lies elsewhere, is larger or other than was said."""

import hashlib
import json
import shutil
from types import SimpleNamespace

import pytest
from object_stores import restored

from raysearch.errors import InputError
from raysearch.remote import objects as module
from raysearch.remote.objects import open_objects
from raysearch.remote.restoring import restore
from raysearch.remote.snapshots import SCHEMA
from raysearch.remote.writers import Claim, Writer

FIRST = Writer(1, "a" * 16)


def test_nothing_published_is_said(uri, tmp_path):
    with pytest.raises(InputError, match="nothing is published there"):
        restored(open_objects(uri), tmp_path / "back")


def crafted(objects, files, schema=SCHEMA):
    Claim(objects, FIRST).renew()
    told = {"schema": schema, "files": files}
    objects.put(f"{FIRST.folder}/snapshots/00000001.json", json.dumps(told).encode())


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "a/../../evil", ".hidden", "a/.hidden", "", "a//b", "a\nb"]
)
def test_no_file_of_a_hostile_store_lies_elsewhere(name, tmp_path):
    objects, digest = open_objects(f"file://{tmp_path}/store"), hashlib.sha256(b"x").hexdigest()
    objects.put(f"{FIRST.folder}/files/{digest}", b"x")
    crafted(objects, {name: {"sha256": digest, "size": 1}})
    with pytest.raises(InputError, match="not to be trusted"):
        restored(objects, tmp_path / "back")
    assert not list((tmp_path / "back").rglob("*"))


DIGEST, OTHER = (hashlib.sha256(of).hexdigest() for of in (b"x", b"y"))


def of(digest, size=1):
    return {"sha256": digest, "size": size}


@pytest.mark.parametrize(
    ("files", "schema", "rule"),
    [
        ({"study.json": of(OTHER)}, SCHEMA, "must be what was published"),
        ({"study.json": of("../../../etc/passwd")}, SCHEMA, "SHA-256"),
        ({"study.json": of(7)}, SCHEMA, "SHA-256"),
        ({"study.json": DIGEST}, SCHEMA, "SHA-256"),
        ({"study.json": of(DIGEST, -1)}, SCHEMA, "sizes in bytes"),
        ({"study.json": of(DIGEST, 1.5)}, SCHEMA, "sizes in bytes"),
        ({"study.json": of(DIGEST, None)}, SCHEMA, "sizes in bytes"),
        ({"study.json": of(DIGEST, True)}, SCHEMA, "sizes in bytes"),
        ({"study.json": of(DIGEST, 2**63)}, SCHEMA, "sizes in bytes"),
        ({"study.json": of(DIGEST, 10**400)}, SCHEMA, "sizes in bytes"),
        ({f"{k}": of(DIGEST, 2**63 - 1) for k in range(99)}, SCHEMA, "must fit where"),
        ({"study.json": of(DIGEST, 0)}, SCHEMA, "more than 0 bytes"),
        ({"study.json": of(DIGEST, 10**15)}, SCHEMA, "must fit where it is copied to"),
        ({f"{k}": of(DIGEST, 10**11) for k in range(10**4)}, SCHEMA, "must fit where"),
        ({}, 1, "must have schema 2"),
        ([["study.json"]], SCHEMA, "list of files"),
        ({"a": of(DIGEST), "a/b": of(DIGEST)}, SCHEMA, "places of their own"),
        (None, SCHEMA, "list of files"),
    ],
)
def test_a_list_that_we_did_not_write_is_refused(files, schema, rule, tmp_path):
    objects = open_objects(f"file://{tmp_path}/store")
    for digest in (DIGEST, OTHER):
        objects.put(f"{FIRST.folder}/files/{digest}", b"x")
    crafted(objects, files, schema)
    with pytest.raises(InputError, match=rule):
        restored(objects, tmp_path / "back")


def test_no_more_of_an_object_is_written_than_its_list_says(uri, tmp_path):
    objects, whole = open_objects(uri), b"x" * 3 * 2**20
    digest = hashlib.sha256(whole).hexdigest()
    objects.put(f"{FIRST.folder}/files/{digest}", whole)
    crafted(objects, {"study.json": of(digest, len(whole) - 1)})
    with pytest.raises(InputError, match=r"more than 3145727 bytes; .* not to be trusted"):
        restored(objects, tmp_path / "back")
    assert (tmp_path / "back" / "study.json").stat().st_size < len(whole)
    crafted(objects, {"study.json": of(digest, len(whole))})
    assert restored(objects, tmp_path / "again")["study.json"] == whole


def test_a_snapshot_fits_beside_what_stays_free_and_what_is_there_counts_not(
    uri, tmp_path, monkeypatch
):
    objects = open_objects(uri)
    objects.put(f"{FIRST.folder}/files/{DIGEST}", b"x")
    crafted(objects, {"a": of(DIGEST, 2**20), "b": of(DIGEST, 2**20)})
    free = 2 * 2**20 + 2 * 4096 + 256 * 2**20
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free - 1))
    with pytest.raises(InputError, match=r"2\.0 MiB, and .* has 2\.0 MiB beyond the 256 MiB"):
        restored(objects, tmp_path / "back")
    assert not list((tmp_path / "back").iterdir())
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    restore(objects, tmp_path / "back")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    restore(objects, tmp_path / "back")
    (tmp_path / "back" / "a").unlink()
    with pytest.raises(InputError, match=r"has 0\.0 MiB beyond"):
        restore(objects, tmp_path / "back")


def test_a_list_larger_than_any_is_not_read_into_memory(uri, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MOST_BYTES", 100)
    objects = open_objects(uri)
    crafted(objects, {"a": of(DIGEST)})
    with pytest.raises(InputError, match="more than 100 bytes"):
        restored(objects, tmp_path / "back")
