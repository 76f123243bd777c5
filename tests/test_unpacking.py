"""Files that would take far more memory than disk are refused before they take it."""

import io
import json
import os
import tracemalloc
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from toys import QUICK, fitted, toy_rows, two_members

from raysearch.detectors import detector
from raysearch.detectors.skops_files import open_skops
from raysearch.errors import InputError
from raysearch.files import write_json
from raysearch.malformed import read_json
from raysearch.mixture import load_mixture
from raysearch.unpacking import stored_archive, whole

MIB = 2**20
# What a bomb unpacks to, and what refusing it may take at most.
LARGE, LITTLE = 128 * MIB, 32 * MIB


@contextmanager
def little_memory():
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < LITTLE


def npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def repacked(path, compression=zipfile.ZIP_STORED, **changed):
    """The archive with some parts replaced."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts |= {name: npy(of) if isinstance(of, np.ndarray) else of for name, of in changed.items()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, contents in parts.items():
            archive.writestr(name, contents)
    return path


FAMILIES = {"hgb": "trees.skops", "random_forest": "trees.npz", "mlp": "weights.npz"}


@pytest.fixture(params=FAMILIES)
def saved(request, tmp_path):
    """A family and the directory of a detector of it."""
    rows, members = toy_rows(200, 200, 40), two_members(400)
    quick = QUICK.get(request.param, {})
    epochs = {"epochs": 1} if request.param == "mlp" else {}
    fitted(detector(request.param), rows, members, quick, **epochs).save(tmp_path)
    return request.param, tmp_path


def test_a_compressed_part_is_refused_before_it_is_unpacked(saved):
    family, directory = saved
    (path,) = (p for p in directory.iterdir() if p.suffix in (".npz", ".skops"))
    name = zipfile.ZipFile(path).namelist()[0]
    detector(family).load(directory)
    repacked(path, zipfile.ZIP_DEFLATED, **{name: np.zeros(LARGE, np.uint8)})
    assert path.stat().st_size < MIB
    with little_memory(), pytest.raises(InputError, match=r"must hold its arrays as they are.*'"):
        detector(family).load(directory)


def test_parts_that_share_their_bytes_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", npy(np.zeros(MIB)))
        archive.filelist.extend(archive.filelist * 50)
    with pytest.raises(InputError, match=r"its parts tell of 427\d* bytes; put back"):
        stored_archive(path)


def test_a_directory_that_lies_of_the_size_of_what_is_packed_changes_nothing(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", npy(np.zeros(LARGE, np.uint8)))
        archive.filelist[0].file_size = 100
    assert zipfile.ZipFile(path).infolist()[0].file_size == 100
    with little_memory(), pytest.raises(InputError, match=r"'a\.npy' is compressed"):
        stored_archive(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.filelist[0].compress_type = zipfile.ZIP_STORED
        archive.filelist[0].file_size = 2**31
        archive._didModify = True
    with little_memory(), pytest.raises(InputError, match="its parts tell of 2147483648 bytes"):
        stored_archive(path)


def test_a_file_with_holes_is_not_read(tmp_path):
    path = tmp_path / "study.json"
    path.touch()
    os.truncate(path, 2**40)
    for read in (whole, read_json, stored_archive):
        with little_memory(), pytest.raises(InputError, match="must not be larger than"):
            read(path)
    write_json(tmp_path / "mixture.json", {"schema": 2, "parts": 1})
    (tmp_path / "0").mkdir()
    path.rename(tmp_path / "0" / "template_scores.npy")
    with little_memory(), pytest.raises(InputError, match="must not be larger than"):
        load_mixture(tmp_path)


def test_what_has_no_size_is_read_no_further_than_its_kind_goes():
    with pytest.raises(InputError, match="must not be larger than 3 MiB"):
        whole(Path("/dev/zero"), 3 * MIB)


def test_a_file_of_the_largest_size_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * MIB)
    assert whole(tmp_path / "a", MIB) == b"x" * MIB


@pytest.fixture
def trees(tmp_path):
    """A file of trees of skops."""
    fitted(detector("hgb"), toy_rows(200, 200, 40), two_members(400), {}).save(tmp_path)
    return next(tmp_path.glob("*.skops"))


def schema_of(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("schema.json"))


def test_an_array_that_is_named_again_and_again_is_refused(trees):
    schema = schema_of(trees)
    array = {"__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode"}
    array |= {"type": "numpy", "file": "large.npy"}
    schema["content"] += [array] * 2000
    large = np.zeros(MIB, np.uint8)
    repacked(trees, **{"schema.json": json.dumps(schema), "large.npy": large})
    with little_memory(), pytest.raises(InputError, match=r"as often as members share it.*2097"):
        detector("hgb").load(trees.parent)


def test_lists_within_lists_that_hold_each_other_become_no_array(trees):
    schema = schema_of(trees)
    schema["content"].append({"__loader__": "NdArrayNode", "type": "json", "content": []})
    repacked(trees, **{"schema.json": json.dumps(schema)})
    with pytest.raises(InputError, match="arrays of objects"):
        detector("hgb").load(trees.parent)


def test_a_schema_that_no_json_of_ours_has_the_size_of_is_not_read(trees, monkeypatch):
    def load(text):
        raise AssertionError(len(text))

    repacked(trees, **{"schema.json": b" " * (64 * MIB + 1)})
    monkeypatch.setattr(json, "loads", load)
    with pytest.raises(InputError, match=r"schema\.json of no more than 64 MiB, but .* 67108865"):
        open_skops(trees)


def test_a_description_of_networks_that_is_too_large_is_not_read(tmp_path):
    rows, members = toy_rows(200, 200, 40), two_members(400)
    fitted(detector("mlp"), rows, members, QUICK["mlp"], epochs=1).save(tmp_path)
    os.truncate(tmp_path / "mlp.json", 64 * MIB + 1)
    with little_memory(), pytest.raises(InputError, match=r"mlp\.json must not be larger than 64"):
        detector("mlp").load(tmp_path)


def test_an_archive_within_an_archive_is_refused(trees, tmp_path):
    within = io.BytesIO()
    np.savez_compressed(within, data=np.zeros(LARGE, np.uint8))
    repacked(trees, **{"sparse.npz": within.getvalue()})
    with little_memory(), pytest.raises(InputError, match=r"sparse\.npz is no array"):
        detector("hgb").load(tmp_path)


def test_a_file_of_ones_own_is_opened_as_it_is(trees):
    assert open_skops(trees).getvalue() == trees.read_bytes()
