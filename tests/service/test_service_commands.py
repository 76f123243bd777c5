"""The commands about jobs, with jobs of this process."""

import json
import sys
from dataclasses import replace
from io import StringIO
from threading import Timer

import pytest
import typer
from toys import hand_made_study, toy_events

from raysearch import cli, load_study
from raysearch.events import write_columns
from raysearch.remote.kept import kept
from raysearch.service import inprocess, places
from raysearch.service.executor import SUCCEEDED, JobInfo, Request, info
from raysearch.service.inprocess import InProcess


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    here = InProcess()
    monkeypatch.setattr(places, "THIS_PROCESS", here)
    monkeypatch.setenv("RAYSEARCH_HEAD_DIR", str(tmp_path / "head"))
    monkeypatch.chdir(tmp_path)
    write_columns(tmp_path / "events.h5", toy_events(600, 60))
    hand_made_study(tmp_path / "study")

    def of(words):
        monkeypatch.setattr(sys, "argv", ["raysearch", *words.split()])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, *capsys.readouterr()

    return of


SUBMIT = "submit score study events.h5 --out s.h5 --address in-process"


def test_the_last_line_of_a_submission_is_the_id_alone(run, tmp_path):
    status, out, _ = run(SUBMIT)
    job_id = out.splitlines()[-1]
    assert status == 0
    assert job_id.startswith("score-study-")
    assert "660 events scored" in out
    assert (tmp_path / "s.h5").is_file()
    assert run(f"logs {job_id} --address in-process")[1] == f"660 events scored: {tmp_path}/s.h5\n"
    assert run(f"logs {job_id} --follow --address in-process")[:2][1].count("scored") == 1
    found = json.loads(run(f"status {job_id} --address in-process --json")[1])
    assert (found["state"], found["study"]) == ("SUCCEEDED", str(tmp_path / "study"))
    assert run("list --address in-process")[1].startswith(f"{job_id}  SUCCEEDED for ")
    assert json.loads(run("list --address in-process --json")[1]) == [found]
    assert run(f"stop {job_id} --address in-process")[1] == "it had ended before\n"


def test_a_failed_job_says_why(run):
    _, out, _ = run(f"{SUBMIT} --objective max_sic")
    job_id = out.splitlines()[-1]
    _, out, _ = run(f"status {job_id} --address in-process")
    assert "FAILED" in out
    assert "has none for max_sic" in out
    assert run(f"logs {job_id} --follow --address in-process")[0] == 1


def test_who_stops_a_job_waits_until_it_has_ended(run, monkeypatch):
    _, out, _ = run(SUBMIT)
    job_id, here = out.splitlines()[-1], places.THIS_PROCESS
    ended = here.known[job_id]
    here.known[job_id] = replace(ended, state="RUNNING")

    def stop(self, job_id):
        Timer(0.1, here.known.update, [{job_id: replace(ended, state="STOPPED")}]).start()
        return True

    monkeypatch.setattr(InProcess, "stop", stop)
    said = run(f"stop {job_id} --address in-process")[1]
    assert said == "stopping; it has a minute to write its report\nSTOPPED\n"


def test_what_a_job_says_does_not_steer_the_terminal(run):
    _, out, _ = run(SUBMIT)
    job_id, here = out.splitlines()[-1], places.THIS_PROCESS
    hostile = "\x1b]0;owned\x07\nsearch-first  SUCCEEDED"
    here.known[job_id] = replace(here.known[job_id], message=hostile, study=hostile)
    StringIO.write(here.printed[job_id], hostile)  # the job's own write shows it at once
    for words in (f"status {job_id}", f"logs {job_id}", f"logs {job_id} --follow", "list"):
        _, out, _ = run(f"{words} --address in-process")
        assert "\x1b" not in out
        assert r"\x1b]0;owned\x07" in out
    assert run("list --address in-process")[1].count("\n") == 1


def test_a_study_is_fetched_by_its_directory(run, tmp_path):
    assert run(f"fetch {tmp_path}/study --address in-process")[1] == f"{tmp_path}/study\n"
    assert run(f"fetch {tmp_path}/study --to copy --address in-process")[1] == "copy\n"
    assert (tmp_path / "copy" / "study.json").is_file()


def test_a_study_is_fetched_from_an_object_store_whoever_runs(run, tmp_path, machine):
    with kept(f"file://{tmp_path}/store/first", lambda line: None) as directory:
        hand_made_study(directory)
    assert run(f"fetch file://{tmp_path}/store/first")[1] == "studies/first\n"
    assert load_study(tmp_path / "studies" / "first").about == load_study(directory).about
    refused = run(f"score file://{tmp_path}/store/first events.h5 --out s.h5")
    assert (refused[0], "raysearch fetch file://" in refused[2]) == (2, True)


def test_a_cluster_does_not_choose_the_store_that_is_opened(run, monkeypatch):
    told = JobInfo("theirs", SUCCEEDED, ("search",), "s3://theirs/x?endpoint_override=evil.example")
    monkeypatch.setattr(places, "THIS_PROCESS", InProcess({"theirs": told}, is_here=False))
    status, out, err = run("fetch theirs --address in-process")
    assert (status, out) == (2, "")
    assert "must not choose the object store" in err


def test_scores_are_written_on_this_machine(run):
    status, _, err = run("score study events.h5 --out s3://bucket/s.h5")
    assert (status, "--out must be a file on this machine" in err) == (2, True)


def test_a_job_of_a_study_in_an_object_store(run, tmp_path, machine):
    uri = f"file://{tmp_path}/store/first"
    with kept(uri, lambda line: None) as directory:
        hand_made_study(directory)
        complete = {**load_study(directory).about, "ended_early": None}
        (directory / "study.json").write_text(json.dumps(complete))
    status, out, err = run(f"submit resume {uri} --address in-process")
    assert (status, err) == (0, "")
    assert f"kept at {uri}\n" in out
    assert run("list --address in-process")[1].endswith(f" s  {uri}\n")
    assert run(f"fetch {out.splitlines()[-1]} --to copy --address in-process")[1] == "copy\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("fetch s3://me:hidden@bucket/first", "must hold no password and no key"),
        ("search --join --out s3://bucket/first", "must be on this machine"),
        ("resume nothing://bucket/first", "s3://BUCKET/NAME"),
        ("status none --address in-process", "there must be a job 'none' at in-process"),
        ("logs ../../etc --address in-process", "there must be a job '../../etc'"),
        ("list", "a head must run on this machine to have jobs, but there is none"),
        ("list --address localhost:8265", "must be local, in-process or a URL"),
        ("stop", "needs either the ID of a job or --head"),
        ("stop a --head", "needs either the ID of a job or --head"),
        ("submit submit search", "unknown command 'submit'"),
        ("submit search --seed x", "--seed"),
        ("fetch absent --address in-process", "must have a directory, but absent is none"),
        ("pack study/detector", "must hold one of study.json"),
    ],
)
def test_what_is_wrong_is_one_sentence(words, message, run):
    status, out, err = run(words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_no_head_is_ended_where_none_runs(run):
    assert run("stop --head")[:2] == (0, "no head runs on this machine\n")


def test_an_error_of_the_program_is_in_the_log(monkeypatch):
    def broken():
        raise RuntimeError("broken")

    monkeypatch.setattr("raysearch.commands.application.application", broken)
    assert inprocess._run(["search"]) == "RuntimeError: broken"


@pytest.mark.parametrize(
    ("raised", "state"),
    [(SystemExit(3), "FAILED"), (SystemExit(0), "SUCCEEDED"), (typer.Abort(), "FAILED")],
)
def test_a_command_that_leaves_python_has_ended(raised, state, monkeypatch):
    here = InProcess()
    monkeypatch.setattr("raysearch.commands.application.application", lambda: _raising(raised))
    here.start(Request("job", ("search",), "study"))
    assert info(here, "job").state == state


def test_a_job_that_is_interrupted_has_ended(monkeypatch):
    here = InProcess()
    monkeypatch.setattr(
        "raysearch.commands.application.application", lambda: _raising(KeyboardInterrupt())
    )
    with pytest.raises(KeyboardInterrupt):
        here.start(Request("job", ("search",), "study"))
    assert info(here, "job").state == "STOPPED"


def _raising(error):
    def application(words, standalone_mode):
        raise error

    return application
