"""A Ray head of the tests' own, started as raysearch starts one: one for all tests that need it."""

import os
import tempfile
import time
from pathlib import Path

import psutil
import pytest


@pytest.fixture(scope="session")
def own_head():
    """The directory of a head that runs; it ends with the tests, by its own process."""
    from raysearch.service.head import start_head, stop_head
    from raysearch.service.head_place import DIRECTORY

    # Sockets have short paths, which those of pytest are not.
    with tempfile.TemporaryDirectory(prefix="rs-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv(DIRECTORY, folder)
        for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
            patch.delenv(name, raising=False)
        start_head(lambda line: None)
        yield Path(folder)
        stop_head()
        # Ray's watchers notice some seconds later that what they watch has ended.
        soon(lambda: not any(folder in command(process) for process in processes()))


def soon(condition, timeout_s=20.0):
    """Wait until it holds."""
    ends = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)


def processes():
    """All processes of this user."""
    return [p for p in psutil.process_iter() if p.pid != os.getpid()]


def command(process):
    """What everybody may read of a process."""
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
        return ""
