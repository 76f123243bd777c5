"""What every object store has to do; each is asked the same."""

import pytest

from raysearch.errors import InputError
from raysearch.remote.objects import Unreachable, open_objects


@pytest.fixture
def objects(uri):
    return open_objects(uri)


def test_an_object_is_what_was_put_last(objects):
    objects.put("a/b/one", b"first")
    objects.put("a/b/one", b"second")
    assert objects.get("a/b/one") == b"second"
    assert objects.names("a/b") == ["one"]
    assert objects.names("a") == ["b"]


def test_files_come_and_go_whole(objects, tmp_path):
    given, taken = tmp_path / "given", tmp_path / "taken"
    given.write_bytes(bytes(range(256)) * 20_000)
    objects.put_file("files/large", given)
    objects.get_file("files/large", taken, given.stat().st_size)
    assert taken.read_bytes() == given.read_bytes()
    with pytest.raises(InputError, match="must be no larger than was said"):
        objects.get_file("files/large", taken, given.stat().st_size - 1)


def test_what_is_not_there(objects, tmp_path):
    assert objects.names("nowhere") == []
    with pytest.raises(FileNotFoundError):
        objects.get("nowhere/one")
    with pytest.raises(FileNotFoundError):
        objects.get_file("nowhere/one", tmp_path / "one", 2**20)
    objects.remove("nowhere/one")


def test_objects_and_folders_are_removed(objects):
    for name in ("a/one", "a/two", "a/deep/three", "b/four"):
        objects.put(name, b"")
    objects.remove("a/one")
    assert objects.names("a") == ["deep", "two"]
    objects.remove("a")
    assert objects.names("a") == []
    assert objects.names("b") == ["four"]


def test_who_looks_while_an_object_is_replaced_sees_one_or_the_other(objects):
    objects.put("one", b"a" * 100_000)
    with objects._writing("one") as stream:
        stream.write(b"b" * 50_000)
        assert objects.get("one") == b"a" * 100_000
        assert objects.names("") == ["one"]
    assert objects.get("one") == b"b" * 50_000


@pytest.mark.parametrize(
    "uri",
    [
        "file:///proc/none/study",
        "s3://b/n?endpoint_override=127.0.0.1:9&scheme=http&region=us-east-1",
    ],
)
def test_a_store_that_does_not_answer_is_named(uri, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(Unreachable, match="must answer, but of"):
        open_objects(uri).put("one", b"")


@pytest.mark.parametrize("uri", ["nothing://bucket/name", "s3://bucket/name?nothing=1"])
def test_what_is_no_store_is_refused(uri):
    with pytest.raises(InputError, match="s3://BUCKET/NAME"):
        open_objects(uri)
