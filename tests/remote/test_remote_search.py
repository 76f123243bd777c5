"""A search that is kept in an S3 store: its machine dies, another goes on with it."""

import os
import signal
import subprocess
import sys
import time

import pytest

import raysearch
from raysearch.service.job import fetch_kept
from raysearch.settings import settings_from_json
from raysearch.tuning.history import History

pytestmark = [pytest.mark.xdist_group("head"), pytest.mark.slow]
TRIALS = 8


def start(cache, *words):
    command = [sys.executable, "-u", "-m", "raysearch", *map(str, words)]
    return subprocess.Popen(
        command,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "XDG_STATE_HOME": str(cache)},
    )


def published(uri, to):
    """What a fetched copy holds of the trials."""
    try:
        study = raysearch.load_study(fetch_kept(uri, to))
    except raysearch.InputError:
        return {}
    return History(study.directory, settings_from_json(study.about["settings"])).records()


@pytest.mark.parametrize("uri", ["s3"], indirect=True)
def test_another_machine_goes_on_where_the_first_died(uri, tmp_path):
    raysearch.write_columns(tmp_path / "events.h5", raysearch.surrogate_events(8_000, 600, 11))
    words = [
        "search",
        tmp_path / "events.h5",
        "--verdict-share",
        0,
        "--contenders",
        1,
        "--space",
        "hgb",
        "--sampler",
        "random",
        "--trials",
        TRIALS,
        "--repeats",
        1,
    ]
    with start(tmp_path / "one", *words, "--n-signal", 300, "--out", uri) as first:
        before = {}
        while len(before) < 2:
            assert first.poll() is None
            time.sleep(1)
            before = published(uri, tmp_path / f"fetched{time.monotonic_ns()}")
        os.killpg(first.pid, signal.SIGKILL)
    with start(tmp_path / "two", "resume", uri) as second:
        told, _ = second.communicate(timeout=300)
    assert second.returncode == 0, told
    assert "if its writer lives" in told
    assert told.splitlines().count(f"kept at {uri}") == 1
    after = published(uri, tmp_path / "after")
    assert sorted(after) == list(range(TRIALS))
    assert {index: after[index] for index in before} == before
    assert told.count("trial 0") == TRIALS - len(before)
    assert (tmp_path / "after" / "report.html").is_file()
