"""What a cluster is sent, and what its answers mean; the interface is Ray's, the head is not."""

import json
import shlex
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from fake_head import FakeHead, listening

from raysearch.errors import InputError
from raysearch.service import cluster as cluster_module
from raysearch.service.archive import packed
from raysearch.service.cluster import Cluster, entrypoint
from raysearch.service.executor import AlreadyThere, Request, info
from raysearch.service.job_interface import JobInterface
from raysearch.service.places import executor

HOSTILE = "--out=/mnt/$(touch x); rm -r 'a' `b`\n"


@pytest.fixture
def cluster(head):
    head.token = "secret"
    return Cluster(JobInterface(head.url, "secret"))


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
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    proxy = FakeHead()
    with listening(proxy) as url:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, url)
        assert cluster.jobs() == []
    assert proxy.requests == []


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


def test_an_agent_that_is_not_there_yet_is_waited_for(cluster, head, monkeypatch):
    submitted, refused = head._submit, iter([True, True, False])

    def late(asked):
        if next(refused):
            return 500, "No available agent to submit job, please try again later."
        return submitted(asked)

    monkeypatch.setattr(head, "_submit", late)
    cluster.start(request_of("search"))
    assert list(head.jobs) == ["job"]
    monkeypatch.setattr(head, "_submit", lambda asked: (500, "No available agent to submit job"))
    monkeypatch.setattr("raysearch.service.job_interface._AGENT_S", 0.0)
    with pytest.raises(InputError, match="No available agent"):
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
def test_no_variable_leads_the_token_elsewhere(name, cluster, monkeypatch):
    elsewhere = FakeHead()
    with listening(elsewhere) as url:
        monkeypatch.setenv(name, url)
        assert cluster.jobs() == []
    assert elsewhere.requests == []


def test_a_netrc_file_does_not_replace_the_token(cluster, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert cluster.jobs() == []


def test_a_token_that_changed_meanwhile_is_a_sentence(cluster, head):
    head.token = "new"
    with pytest.raises(InputError, match="refused the token"):
        cluster.logs("job")


@pytest.mark.parametrize("answer", [(200, "hello"), (500, ""), (302, "http://127.0.0.1:1/")])
def test_an_answer_that_is_none_is_a_sentence(answer, cluster, head):
    head.answers["/api/jobs/"] = answer
    with pytest.raises(InputError, match=r"must answer in JSON|did not do it"):
        cluster.jobs()


@pytest.mark.parametrize(
    "told",
    [
        *({}, {"raysearch_words": "no json", "raysearch_study": "a"}),
        *({"raysearch_words": "[1]", "raysearch_study": "a"}, {"raysearch_words": '["list"]'}),
        *({"raysearch_words": "5", "raysearch_study": "a"}, None, [], "x"),
        {"raysearch_words": "[]", "raysearch_study": "a"},
    ],
)
def test_a_job_that_somebody_describes_otherwise_is_passed_over(told, cluster, head):
    cluster.start(request_of("search"))
    head.jobs["theirs"] = {"submission_id": "theirs", "status": "RUNNING", "metadata": told}
    assert [job.job_id for job in cluster.jobs()] == ["job"]


def test_a_study_that_nobody_packs_is_given_up_and_nothing_stays(
    cluster, head, monkeypatch, tmp_path
):
    monkeypatch.setattr(cluster_module, "_FETCH_S", 0.0)
    with pytest.raises(InputError, match="but its job is RUNNING: it runs"):
        cluster.fetch("/mnt/a", tmp_path / "to")
    assert head.jobs == {}


def test_no_ray_is_imported_to_ask(head):
    code = "import sys; from raysearch.service.places import executor\n"
    code += f"executor({head.url!r}).jobs(); print('ray' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE)
    assert done.stdout == b"False\n"


def test_the_executor_of_a_url_is_checked_before_anything_is_sent(head, monkeypatch):
    assert executor(f"{head.url}/").place == head.url
    head.token = "secret"
    with pytest.raises(InputError, match="wants a token"):
        executor(head.url)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    assert executor(head.url).interface.token == "secret"
    head.version = "1.0"
    with pytest.raises(InputError, match="same version of Ray"):
        executor(head.url)
