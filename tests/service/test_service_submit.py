"""Submission: what is refused before anything starts, and who gets a job."""

import json
from pathlib import Path

import pytest
from toys import hand_made_study, toy_events

from raysearch.errors import InputError
from raysearch.events import write_columns
from raysearch.service.executor import AlreadyThere, JobInfo
from raysearch.service.job import Job, JobFailed
from raysearch.service.submission import submit as submit_function

QUIET = {"say": lambda line: None}


class Pretended:
    """An executor that remembers requests; its jobs are in the state it is told."""

    place, is_here, state = "pretended", True, "RUNNING"

    def __init__(self):
        self.requests = []

    def start(self, request):
        if request.job_id in [r.job_id for r in self.requests]:
            raise AlreadyThere
        self.requests.append(request)

    def jobs(self):
        return [JobInfo(r.job_id, self.state, r.words, r.study) for r in self.requests]

    def job(self, job_id):
        return next((job for job in Pretended.jobs(self) if job.job_id == job_id), None)

    def logs(self, job_id):
        return "one\ntwo\n"

    def stop(self, job_id):
        return True

    def fetch(self, study, to):
        return to


@pytest.fixture
def pretended(monkeypatch, tmp_path):
    made = Pretended()
    monkeypatch.setattr("raysearch.service.submission.starting_executor", lambda address, say: made)
    monkeypatch.chdir(tmp_path)
    write_columns(tmp_path / "events.h5", toy_events(600, 60))
    return made


def submit(words, **given):
    return submit_function(words.split(), **{**QUIET, **given})


def test_a_study_is_submitted_once_and_goes_on_if_its_job_died(pretended, tmp_path):
    first = submit("search events.h5 --out first")
    assert submit("search ./events.h5 --out ./first --seed 1").job_id == first.job_id
    (request,) = pretended.requests
    assert request.study == str(tmp_path / "first")
    assert "--go-on" in request.words
    assert str(tmp_path / "events.h5") in request.words
    pretended.state = "FAILED"
    assert submit("search events.h5 --out first").job_id == f"{first.job_id}-2"


def test_other_settings_of_a_submitted_study_are_refused(pretended):
    submit("search events.h5 --out first")
    with pytest.raises(InputError, match="differs in --seed, --trials"):
        submit("search events.h5 --out first --seed 2 --trials 5")
    assert len(pretended.requests) == 1


def test_a_job_that_failed_before_it_had_a_study_is_corrected(pretended):
    first = submit("search events.h5 --out first --seed 7")
    pretended.state = "FAILED"
    second = submit("search events.h5 --out first --seed 8")
    assert second.job_id == f"{first.job_id}-2"
    assert "--seed=8" in pretended.requests[-1].words


def test_other_settings_of_a_study_on_disk_are_refused(pretended, tmp_path):
    hand_made_study(tmp_path / "old")
    with pytest.raises(InputError, match=r"of different repeats, seed; .*raysearch resume"):
        submit("search events.h5 --out old --trials 1 --seed 2 --repeats 4")
    submit("search events.h5 --out old --trials 1")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("search --mode idealized", "did you mean 'idealised'"),
        ("search --signal-region 3", "must be two numbers in TeV"),
        ("search --cathode estimator=mad", "did you mean 'maf'"),
        ("scan --modes cwolla", "did you mean 'cwola'"),
        ("scan --n-signal 5,1", "rising, must hold"),
        ("search absent.h5", "EVENTS must exist"),
        ("search --address auto", "must run where it is submitted to"),
        ("scan --repeats 0", "`repeats >= 1` must hold"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_starts(words, message, pretended):
    with pytest.raises(InputError, match=message):
        submit(words)
    assert pretended.requests == []


def test_a_job_whose_study_was_removed_runs_again(pretended, tmp_path):
    first = submit("search events.h5 --out first")
    pretended.state = "SUCCEEDED"
    assert submit("search events.h5 --out first").job_id == f"{first.job_id}-2"
    (tmp_path / "first").mkdir()
    assert submit("search events.h5 --out first").job_id == f"{first.job_id}-2"


@pytest.fixture
def overtaken(pretended, monkeypatch):
    """Who asks for the jobs sees none, though somebody was faster."""

    def of(words):
        first = submit(words)
        monkeypatch.setattr(pretended, "jobs", list)
        return first

    return of


def test_who_is_overtaken_gets_the_job_of_the_other(overtaken):
    first = overtaken("search events.h5 --out first")
    assert submit("search events.h5 --out first").job_id == first.job_id


def test_who_is_overtaken_with_other_settings_is_told(overtaken):
    overtaken("search events.h5 --out first")
    with pytest.raises(InputError, match="differs in --seed"):
        submit("search events.h5 --out first --seed 2")


def test_a_study_that_is_resumed_has_a_job(pretended, tmp_path):
    hand_made_study(tmp_path / "old")
    first, told = submit("resume old"), []
    assert submit("search events.h5 --out old --trials 1", say=told.append).job_id == first.job_id
    assert told == [f"{tmp_path}/old has a job already, `raysearch resume`: RUNNING"]


def test_two_that_name_no_directory_have_two(pretended):
    ids = {submit("search events.h5").job_id for _ in range(2)}
    assert len(ids) == 2


def test_another_machine_without_a_token_is_refused_with_the_remedy():
    with pytest.raises(InputError, match="must be used with a token: set RAY_AUTH_TOKEN_PATH"):
        submit("search --out /mnt/first", address="http://10.1.2.3:8265")


def test_a_failed_job_tells_the_end_of_its_log(pretended):
    pretended.state = "FAILED"
    submit("search events.h5 --out first")
    (known,) = pretended.jobs()
    with pytest.raises(JobFailed, match="ended as FAILED; its log ends:\none\ntwo"):
        Job(known.job_id, known.study, pretended).result()


def test_waiting_is_given_up_in_time(pretended):
    with pytest.raises(TimeoutError, match="still runs after 0"):
        submit("search events.h5 --out first").wait(timeout_s=0)


@pytest.mark.parametrize("study", ["/", "/mnt/..", "..", "", "/mnt/a\x1b[2J"])
def test_a_study_without_a_name_is_not_fetched_to_a_place_of_its_choice(study, pretended):
    pretended.is_here = False
    with pytest.raises(InputError, match="must have a name to be fetched by"):
        Job("job", study, pretended).fetch()
    assert Job("job", "/mnt/first", pretended).fetch() == Path("studies/first")


def test_a_log_is_followed_piece_by_piece(pretended, monkeypatch):
    job = submit("search events.h5 --out first")
    printed = ["", "one\n", "one\ntwo\n"]

    def logs(job_id):
        if len(printed) == 1:
            pretended.state = "SUCCEEDED"
            return printed[0]
        return printed.pop(0)

    monkeypatch.setattr(pretended, "logs", logs)
    assert list(job.follow()) == ["one\n", "two\n"]


def test_what_is_known_of_a_job_is_plain_json(pretended):
    found = submit("search events.h5 --out first").status().as_json()
    assert json.loads(json.dumps(found)) == found
    assert found["state"] == "RUNNING"
