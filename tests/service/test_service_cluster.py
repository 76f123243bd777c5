"""What a cluster is sent, and what its answers mean; the interface is Ray's, the head is not."""

import json
import os
import shlex
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from fake_head import FakeHead, listening

from raysearch.errors import InputError
from raysearch.service.archive import packed
from raysearch.service.cluster import Cluster, entrypoint
from raysearch.service.executor import AlreadyThere, Request, info
from raysearch.service.places import executor

HOSTILE = "--out=/mnt/$(touch x); rm -r 'a' `b`\n"


@pytest.fixture
def cluster(head):
    head.token = "secret"
    return Cluster(head.url, "secret")


def request_of(*words, job_id="job", **given):
    return Request(job_id, words, "/mnt/first", **given)


def test_a_job_carries_its_command_and_no_token(cluster, head):
    cluster.start(request_of("search", HOSTILE))
    (job,) = cluster.jobs()
    assert (job.job_id, job.state, job.study) == ("job", "RUNNING", "/mnt/first")
    assert job.words == ("search", HOSTILE)
    assert job.started == 1.0
    assert "secret" not in json.dumps(head.jobs)
    assert "secret" not in repr(cluster)
    assert all(headers["Authorization"] == "Bearer secret" for _, _, headers, _ in head.requests)
    assert all(b"secret" not in body for *_, body in head.requests)


def test_a_proxy_sees_no_token_for_this_machine(cluster, monkeypatch):
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "example.org")
    proxy = FakeHead()
    with listening(proxy) as url:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, url)
        assert cluster.jobs() == []
    assert proxy.requests == []
    assert os.environ["no_proxy"].startswith("example.org,")


def test_a_shell_reads_the_words_as_they_were_given():
    words = ("search", HOSTILE, "--", "-weird name.h5", "$HOME", "a'b")
    assert shlex.split(entrypoint("python", words)) == ["python", "-P", "-m", "raysearch", *words]


def test_a_name_that_is_taken_is_told_apart_from_other_errors(cluster, head):
    cluster.start(request_of("search"))
    with pytest.raises(AlreadyThere):
        cluster.start(request_of("search"))
    head.answers["/api/jobs/"] = (500, "Traceback\nTimeoutError: no agent")
    with pytest.raises(InputError, match="did not do it: TimeoutError: no agent"):
        cluster.start(request_of("search", job_id="b"))


def test_jobs_of_others_are_not_listed(cluster, head):
    head.jobs["theirs"] = {"type": "DRIVER", "status": "RUNNING", "entrypoint": "python x.py"}
    assert cluster.jobs() == []
    with pytest.raises(InputError, match=r"must be a job 'theirs' at .*its jobs are: none"):
        info(cluster, "theirs")


def test_the_working_directory_is_uploaded_once(cluster, head, tmp_path):
    (tmp_path / "my.py").write_text("x = 1")
    for job_id in "ab":
        cluster.start(
            request_of("search", job_id=job_id, working_dir=tmp_path, files=(Path("my.py"),))
        )
    (sent,) = head.packages.values()
    assert zipfile.ZipFile(BytesIO(sent)).namelist() == ["my.py"]
    uploads = [method for method, path, *_ in head.requests if "/packages/" in path]
    assert uploads.count("PUT") == 1
    assert head.jobs["a"]["runtime_env"]["working_dir"].startswith("gcs://")


def test_a_study_is_fetched_by_a_job_of_which_nothing_stays(cluster, head, tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "study.json").write_text("{}")
    answer = head._submit

    def submit(asked):
        found = answer(asked)
        head.jobs[asked["submission_id"]]["status"] = "SUCCEEDED"
        head.printed[asked["submission_id"]] = packed(tmp_path / "study")
        head.asked = asked["entrypoint"]
        return found

    head._submit = submit
    assert cluster.fetch("/mnt/a b", tmp_path / "to") == tmp_path / "to"
    assert (tmp_path / "to" / "study.json").read_text() == "{}"
    assert head.asked == "exec python -P -m raysearch pack -- '/mnt/a b'"
    assert head.jobs == {}


def test_why_a_study_could_not_be_packed_is_told(cluster, head, tmp_path):
    answer = head._submit

    def submit(asked):
        found = answer(asked)
        head.jobs[asked["submission_id"]]["status"] = "FAILED"
        head.printed[asked["submission_id"]] = "error: a study directory must hold study.json\n"
        return found

    head._submit = submit
    with pytest.raises(InputError, match="could not do it: error: a study directory must hold"):
        cluster.fetch("/mnt/a", tmp_path / "to")


@pytest.mark.parametrize("name", ["RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"])
def test_a_variable_that_would_lead_the_token_elsewhere_is_refused(name, cluster, monkeypatch):
    monkeypatch.setenv(name, "http://elsewhere:8265")
    with pytest.raises(InputError, match=f"{name}=http://elsewhere:8265 would overrule"):
        cluster.jobs()


def test_the_executor_of_a_url_is_checked_before_anything_is_sent(head, monkeypatch):
    assert executor(f"{head.url}/").place == head.url
    head.token = "secret"
    with pytest.raises(InputError, match="wants a token"):
        executor(head.url)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    assert executor(head.url).token == "secret"
    head.version = "1.0"
    with pytest.raises(InputError, match="same version of Ray"):
        executor(head.url)
