"""Object stores of tests: a real S3 interface on this machine, and a mounted folder."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest

from raysearch.remote.restoring import restore

# What moto takes, and what keeps the client from asking elsewhere for more.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "tester",
    "AWS_SECRET_ACCESS_KEY": "tester",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


@contextmanager
def s3(port):
    """What stands after the ? of a URI of a new S3 store on this machine."""
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", port]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(list(map(str, command)), **quiet) as process:
        ends = time.monotonic() + 60
        while not answers(f"http://127.0.0.1:{port}/moto-api/"):
            assert process.poll() is None
            assert time.monotonic() < ends
            time.sleep(0.1)
        place = f"endpoint_override=127.0.0.1:{port}&scheme=http&region=us-east-1"
        yield f"{place}&allow_bucket_creation=true"
        process.kill()


@pytest.fixture(scope="session")
def s3_store():
    """The query of a URI on a store of the session."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        with s3(free_port()) as query:
            yield query


@pytest.fixture(params=["file", "s3"])
def uri(request, tmp_path):
    """A new place in each kind of store there is."""
    if request.param == "file":
        return f"file://{tmp_path}/store/study"
    import pyarrow.fs

    query, bucket = request.getfixturevalue("s3_store"), tmp_path.name.replace("_", "-").strip("-")
    system, _ = pyarrow.fs.FileSystem.from_uri(f"s3://any?{query}")
    system.create_dir(bucket.lower())
    return f"s3://{bucket.lower()}/studies/study?{query}"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Call it with a name to be on another machine, which has copies of its own."""

    def on(name):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "caches" / name))

    on("first")
    return on


def restored(objects, to):
    """Contents of the files of the newest snapshot, which is written into a new directory."""
    to.mkdir()
    restore(objects, to)
    return {p.relative_to(to).as_posix(): p.read_bytes() for p in to.rglob("*") if p.is_file()}
