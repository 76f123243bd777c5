"""What runs ends when another process takes its study over: searches, scans and tests, anywhere."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from processes import started

import raysearch
from raysearch.density import CathodeSettings
from raysearch.nplm import nplm_test
from raysearch.remote import publishing, writers
from raysearch.remote.kept import copy_of
from raysearch.remote.objects import open_objects

pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.usefixtures("machine")]
# Many more than there is time for.
ENDLESS = 2_000


def quiet(line):
    pass


def a_search(uri, say):
    raysearch.search(
        raysearch.surrogate_events(4_000, 300, 11),
        n_signal=150,
        space="hgb",
        sampler="random",
        trials=ENDLESS,
        repeats=1,
        verdict_share=0.0,
        out=uri,
        say=say,
    )


def a_training(uri, say):
    raysearch.search(
        raysearch.surrogate_events(20_000, 300, 11),
        n_signal=150,
        mode="cathode",
        cathode=CathodeSettings(parameters={"epochs": ENDLESS, "patience": ENDLESS}),
        space="hgb",
        trials=1,
        out=uri,
        say=say,
    )


def a_scan(uri, say):
    raysearch.scan(
        raysearch.surrogate_events(4_000, 300, 11),
        n_signal=[100],
        detectors=["hgb"],
        sets=ENDLESS,
        repeats=1,
        yes=True,
        out=uri,
        say=say,
    )


def a_test(uri, say):
    rng = np.random.default_rng(1)
    data, reference = rng.normal(size=(500, 2)), rng.normal(size=(5000, 2))
    nplm_test(data, reference, toys=100 * ENDLESS, sigma=[1.0], centres=200, out=uri, say=say)


@pytest.fixture
def asleep(monkeypatch):
    """While it is held no claim is renewed, nor just being so: its writer seems dead to others."""
    held, renew = threading.Lock(), writers.Claim.renew

    def renewed(of):
        with held:
            renew(of)

    monkeypatch.setattr(publishing, "RENEW_S", 0.1)
    monkeypatch.setattr(writers.Claim, "renew", renewed)
    return held


def wait_for(found, thread):
    ends = time.monotonic() + 120
    while not found():
        assert time.monotonic() < ends
        assert not thread.done(), thread.result()
        time.sleep(0.1)


@pytest.mark.parametrize("uri", ["file"], indirect=True)
@pytest.mark.parametrize(
    ("run", "begun"),
    [
        (a_search, "trial 0"),
        (a_training, "training the density"),
        (a_scan, "/2000]"),
        (a_test, "so far"),
    ],
)
def test_in_a_thread_it_ends_soon(run, begun, uri, asleep, local_ray):
    lines = []
    with ThreadPoolExecutor(1) as pool:
        thread = pool.submit(run, uri, lines.append)
        wait_for(lambda: any(begun in line for line in lines), thread)
        with asleep:
            taken = writers.claim(open_objects(uri), None, quiet, dead_s=1.0)
        with pytest.raises(writers.Superseded, match="another has gone on"):
            thread.result(timeout=30)
    assert taken.writer.generation == 2
    assert any(copy_of(uri).iterdir())


IGNORES = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.path[:0] = {folders!r}
import test_remote_replaced
test_remote_replaced.a_search(sys.argv[1], lambda line: print(line, flush=True))
"""


@pytest.mark.slow
@pytest.mark.parametrize("uri", ["file"], indirect=True)
def test_where_ctrl_c_is_ignored_it_ends_all_the_same(uri, tmp_path):
    code = IGNORES.format(folders=[str(of) for of in Path(__file__).parents[:2]])
    words = [sys.executable, "-c", code, uri]
    with (
        (tmp_path / "told").open("w") as told,
        started(words, stdout=subprocess.PIPE, stderr=told) as process,
    ):
        for line in process.stdout:
            if "trial 0" in line:
                break
        os.kill(process.pid, signal.SIGSTOP)
        writers.claim(open_objects(uri), None, quiet, dead_s=1.0)
        os.kill(process.pid, signal.SIGCONT)
        process.communicate(timeout=60)
    assert process.returncode == 1
    assert "another has gone on" in (tmp_path / "told").read_text()
