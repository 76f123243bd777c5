"""A real head, started by raysearch: a study from submission to result, and who is kept out."""

import json
import os
import re
import signal
import tempfile
import urllib.request
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from urllib.error import HTTPError

import psutil
import pytest
from fake_head import FakeHead, listening
from jobs_head import command, processes, soon
from toys import toy_events

from raysearch.access import read_token
from raysearch.errors import InputError
from raysearch.events import write_columns
from raysearch.service import head as head_module
from raysearch.service.credentials import port_of
from raysearch.service.executor import SUCCEEDED
from raysearch.service.head import start_head
from raysearch.service.head_command import free_ports
from raysearch.service.head_place import DIRECTORY, running_head
from raysearch.service.ping import ray_version
from raysearch.service.submission import submit
from raysearch.study import Study, load_study

pytestmark = pytest.mark.xdist_group("head")
LONGEST_S = 150
# What follows the search takes as little as it can.
QUICK = "--space hgb --sampler random --repeats 1 --n-signal 300 --contenders 1 --verdict-share 0"


def words_of(tmp_path, trials):
    write_columns(tmp_path / "events.h5", toy_events(4000, 300))
    events, out = tmp_path / "events.h5", tmp_path / "study"
    return f"search {events} {QUICK} --trials {trials} --out {out}".split()


@pytest.fixture
def token(own_head):
    return read_token(own_head / "token")


def test_a_study_is_submitted_followed_fetched_and_submitted_again(
    own_head, token, tmp_path, monkeypatch
):
    told, password = [], "h1dden-from-everybody"
    monkeypatch.setenv("PGPASSWORD", password)
    job = submit(words_of(tmp_path, trials=2), say=told.append)
    assert job.wait(LONGEST_S).state == SUCCEEDED
    log = "".join(job.follow())
    assert len(re.findall(r"\[ *\d/2\] trial", log)) == 2
    study = job.result()
    assert isinstance(study, Study)
    assert study.table().num_rows == 2
    assert (job.fetch(tmp_path / "copy") / "report.html").is_file()

    again = submit(words_of(tmp_path, trials=2), say=told.append)
    assert again.job_id == job.job_id
    assert "has a job already: SUCCEEDED" in told[-1]
    with pytest.raises(InputError, match="of different seed"):
        submit([*words_of(tmp_path, trials=2), "--seed", "2"])

    details = job.executor.cluster.interface.job(job.job_id)
    assert "search" in details["entrypoint"]
    for secret in (token, password):
        assert secret not in repr(details)
        assert secret not in log
    hidden = {own_head / "token"}
    for folder in (own_head, tmp_path, Path.home()):
        for path in folder.rglob("*"):
            if path.is_file() and path not in hidden:
                assert token.encode() not in path.read_bytes(), path
                assert password.encode() not in path.read_bytes(), path


def test_only_who_has_the_token_is_heard(own_head, token):
    url = running_head().url
    for path in ("/api/version", "/api/jobs/"):
        for headers, status in (({}, 401), ({"Authorization": "Bearer wrong"}, 403)):
            with pytest.raises(HTTPError) as refused:
                urllib.request.urlopen(urllib.request.Request(url + path, headers=headers))
            with refused.value as answer:
                assert answer.code == status
    with pytest.raises(InputError, match="refused the token"):
        ray_version(url, "wrong")
    body = json.dumps({"entrypoint": f"touch {own_head}/ran"}).encode()
    request = urllib.request.Request(f"{url}/api/jobs/", data=body, method="POST")
    with pytest.raises(HTTPError) as refused:
        urllib.request.urlopen(request)
    refused.value.close()
    assert not (own_head / "ran").exists()


def test_nobody_reads_the_token_in_the_list_of_processes(own_head, token):
    commands = [command(process) for process in processes()]
    assert any(str(own_head) in each for each in commands)
    assert not any(token in each for each in commands)
    head = psutil.Process(running_head().pid)
    for process in [head, *head.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            assert not any(token in value for value in process.environ().values())


def listening_ips(process):
    """Where a process listens; nowhere if it has just ended, as workers of a job do."""
    with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        found = process.net_connections("inet")
        return [each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN]
    return []


def test_a_head_listens_on_the_loopback_only(own_head):
    head = psutil.Process(running_head().pid)
    family = [head, *head.children(recursive=True)]
    ips = [ip for process in family for ip in listening_ips(process)]
    assert len(ips) > 3
    for ip in map(ip_address, ips):
        assert (getattr(ip, "ipv4_mapped", None) or ip).is_loopback


def test_the_directory_of_a_head_is_its_owners_alone(own_head):
    assert own_head.stat().st_mode & 0o077 == 0
    assert (own_head / "token").stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
@pytest.mark.usefixtures("own_head")
def test_a_stopped_study_ends_with_its_report_and_goes_on(tmp_path):
    words = words_of(tmp_path, trials=400)
    job = submit(words, say=lambda line: None)
    for news in job.follow():
        if "trial 0" in news:
            break
    assert job.stop()
    assert job.wait(LONGEST_S).state == "STOPPED"
    assert (tmp_path / "study" / "report.html").is_file()
    second = submit(words, say=lambda line: None)
    assert second.job_id == f"{job.job_id}-2"
    second.stop()
    second.wait(LONGEST_S)


@pytest.mark.slow
def test_a_study_whose_head_was_killed_goes_on_by_the_same_submission(own_head, tmp_path):
    words = words_of(tmp_path, trials=60)
    job = submit(words, say=lambda line: None)
    for news in job.follow():
        if re.search(r"\] trial", news):
            break
    os.kill(running_head().pid, signal.SIGKILL)
    soon(lambda: running_head() is None)
    second = submit(words, say=lambda line: None)
    assert second.wait(LONGEST_S).state == SUCCEEDED
    assert re.search(r"\[ *([2-9]|\d\d)/60\] trial", second.logs())
    assert not re.search(r"\[ *1/60\] trial", second.logs())
    assert load_study(tmp_path / "study").table().num_rows == 60


@pytest.mark.slow
def test_a_port_that_somebody_else_took_meanwhile_gets_no_token(monkeypatch):
    other = FakeHead()
    other.answers["/api/version"] = (404, "no")
    with (
        tempfile.TemporaryDirectory(prefix="rs-") as folder,
        listening(other) as url,
        monkeypatch.context() as patch,
    ):
        patch.setenv(DIRECTORY, folder)
        ports = free_ports()._replace(dashboard=port_of(url))
        patch.setattr(head_module, "free_ports", lambda: ports)
        patch.setattr(head_module, "listeners", lambda port: {os.getuid() + 1})
        with pytest.raises(InputError, match="did not; see"):
            start_head(lambda line: None)
        assert running_head() is None
    assert other.requests == []
