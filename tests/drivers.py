"""Several drivers of one study, as threads, processes and servers of tests."""

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from raysearch.tuning.place import place


def server_tool(name):
    """Path of one of PostgreSQL's programs, which Debian puts outside PATH."""
    beside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(beside[-1]) if beside else None)


def nobody():
    """Arguments that start a process as another user where this is root, whom it refuses."""
    return {"user": "nobody", "cwd": "/"} if os.geteuid() == 0 else {}


@contextmanager
def postgresql(folder):
    """URL of a new server that listens on a socket in the folder alone."""
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
    data = folder / "data"
    words = ["--auth=trust", "--username=tester", "--encoding=UTF8", "--locale=C", "--no-sync"]
    quiet = {"check": True, "stdout": subprocess.DEVNULL, **nobody()}
    subprocess.run([server_tool("initdb"), "-D", data, *words], **quiet)
    settings = f"-F -k {folder} -c listen_addresses="
    log = folder / "log"
    control = [server_tool("pg_ctl"), "-D", data, "-w", "-l", log]
    subprocess.run([*control, "-o", settings, "start"], **quiet)
    try:
        yield f"postgresql://tester@/postgres?host={folder}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet)


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory):
    """A server of this machine; the test is skipped where there is none."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (raysearch[postgresql])")
    if server_tool("initdb") is None:
        pytest.skip("no PostgreSQL server is installed")
    # Paths of sockets have to be short, and its folder readable by another user.
    import tempfile

    with tempfile.TemporaryDirectory(prefix="pg") as folder, postgresql(Path(folder)) as url:
        yield url


@pytest.fixture(params=["sqlite", "journal", "postgresql"])
def where(request):
    """A place for a new history: each kind there is."""
    if request.param == "postgresql":
        return place(request.getfixturevalue("postgresql_url"))
    return place(request.param)
