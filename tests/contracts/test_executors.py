"""What a job is, wherever it runs: on a cluster, on a head of this machine, in this process."""

import pytest
from toys import hand_made_study, toy_events

from raysearch.errors import InputError
from raysearch.events import write_columns
from raysearch.service.cluster import Cluster
from raysearch.service.executor import FAILED, SUCCEEDED, AlreadyThere, Request
from raysearch.service.inprocess import InProcess
from raysearch.service.job import Job
from raysearch.service.local import running_local


def cluster(head):
    """The same head as somebody on another machine would see it, with the Python of the tests."""
    import shlex
    import sys

    here = running_local().cluster
    return Cluster(here.interface, f"exec {shlex.quote(sys.executable)}")


EXECUTORS = {
    "in-process": lambda request: InProcess(),
    "local": lambda request: request.getfixturevalue("own_head") and running_local(),
    "cluster": lambda request: cluster(request.getfixturevalue("own_head")),
}
RAY = pytest.mark.xdist_group("head")


def ended(executor, job_id):
    return Job(job_id, "", executor).wait(150)


@pytest.fixture
def study(tmp_path):
    write_columns(tmp_path / "events.h5", toy_events(600, 60))
    return hand_made_study(tmp_path / "a study's").directory


@pytest.fixture(params=[pytest.param(name, marks=RAY) for name in EXECUTORS])
def executor(request):
    return EXECUTORS[request.param](request)


def test_every_executor_runs_the_same_jobs(executor, study, tmp_path):
    """One test, for each job costs a start of Python where it runs."""
    out = tmp_path / "scores; rm.h5"
    words = ("score", f"--out={out}", "--", str(study), str(tmp_path / "events.h5"))
    job_id = f"score-{tmp_path.name.replace('_', '-')}-{executor.place[-4:]}"
    executor.start(Request(job_id, words, str(study)))
    with pytest.raises(AlreadyThere):
        executor.start(Request(job_id, words, str(study)))
    failing = ("pack", "--", str(tmp_path))
    executor.start(Request(f"{job_id}-bad", failing, str(tmp_path)))

    done = ended(executor, job_id)
    assert (done.state, done.words, done.study) == (SUCCEEDED, words, str(study))
    assert done.started <= done.ended
    assert executor.job("nobody's") is None
    assert executor.logs(job_id).endswith(f"660 events scored: {out}\n")
    assert out.is_file()
    assert [job.job_id for job in executor.jobs()][-2:] == [job_id, f"{job_id}-bad"]
    assert executor.stop(job_id) is False

    failed = ended(executor, f"{job_id}-bad")
    assert failed.state == FAILED
    assert failed.message
    assert "Traceback" not in executor.logs(f"{job_id}-bad")

    assert executor.fetch(str(study), tmp_path / "to") == tmp_path / "to"
    assert (tmp_path / "to" / "study.json").read_text() == (study / "study.json").read_text()
    with pytest.raises(InputError, match=r"must hold one of study\.json"):
        executor.fetch(str(tmp_path / "absent"), tmp_path / "other")
