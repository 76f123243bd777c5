"""One study, one job: who asks again finds it, and what has failed goes on."""

import pytest

from raysearch.commands.parse import parse
from raysearch.errors import InputError
from raysearch.service.attempts import answers, base_id, latest, next_id, under_way
from raysearch.service.executor import JobInfo

STUDY = "/mnt/studies/first"
BASE = base_id("search", STUDY)


def job(state, words="", job_id=BASE):
    given = parse(f"search --go-on --out {STUDY} {words}".split()).words()
    return JobInfo(job_id, state, given, STUDY)


def asked(words=""):
    return parse(f"search --out {STUDY} {words}".split())


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "SUCCEEDED"])
def test_the_same_study_has_the_same_job(state):
    assert answers(job(state), asked())


@pytest.mark.parametrize("state", ["FAILED", "STOPPED"])
def test_what_failed_or_was_stopped_goes_on_with_another(state):
    assert not answers(job(state), asked())
    assert next_id(job(state), BASE) == f"{BASE}-2"


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "SUCCEEDED"])
def test_other_settings_are_refused_with_their_names(state):
    with pytest.raises(InputError, match="differs in --n-signal, --seed; give the same"):
        answers(job(state, "--seed 7"), asked("--n-signal 5"))


@pytest.mark.parametrize("state", ["FAILED", "STOPPED"])
def test_what_failed_does_not_keep_its_directory_for_its_settings(state):
    """Whether there is a study of other settings the directory tells, where the job runs."""
    assert not answers(job(state, "--seed 7"), asked("--n-signal 5 --space mine:space"))


def test_the_file_of_a_finished_study_may_lie_elsewhere_but_not_while_it_runs():
    old, new = "--test /a/test.h5", "--test /b/test.h5"
    assert not answers(job("SUCCEEDED", old), asked(new))
    with pytest.raises(InputError, match="differs in --test"):
        answers(job("RUNNING", old), asked(new))


def test_what_a_study_may_take_is_none_of_its_settings():
    assert answers(job("RUNNING", "--time-budget-s 60"), asked("--backend tune"))
    # One that ended with less is worth going on with.
    assert not answers(job("SUCCEEDED", "--time-budget-s 60"), asked())


def test_the_device_is_one_of_the_settings_of_a_test():
    """Toys of two devices differ in their last digits, and its plan holds it."""
    words = "nplm data.h5 reference.h5 --out /mnt/test"
    held = JobInfo("nplm-test", "RUNNING", parse(words.split()).words(), "/mnt/test")
    with pytest.raises(InputError, match="differs in --device"):
        answers(held, parse(f"{words} --device cuda".split()))


def test_a_report_is_written_again():
    words = ("report", "--", STUDY)
    again = JobInfo("report-first", "SUCCEEDED", words, STUDY)
    assert not answers(again, parse(words))
    assert answers(JobInfo("report-first", "RUNNING", words, STUDY), parse(words))


def test_the_last_attempt_counts_and_other_jobs_do_not():
    jobs = [job("FAILED"), job("FAILED", job_id=f"{BASE}-10"), job("FAILED", job_id=f"{BASE}-2")]
    others = [job("RUNNING", job_id=f"{BASE}x"), job("RUNNING", job_id="search-second-00000000")]
    assert latest(others, BASE) is None
    assert next_id(None, BASE) == BASE
    last = latest([*others, *jobs], BASE)
    assert last.job_id == f"{BASE}-10"
    assert next_id(last, BASE) == f"{BASE}-11"


@pytest.mark.parametrize("name", ["first", "Émile's $(rm -r) / ..", "-" * 99, "x" * 300])
def test_a_name_is_safe_in_a_path_and_in_a_url(name):
    made = base_id("scan", f"/mnt/{name}")
    assert len(made) < 60
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_directories_of_one_name_are_told_apart():
    assert base_id("search", "/a/first") != base_id("search", "/b/first")
    assert base_id("search", "/a/first") != base_id("scan", "/a/first")


def of(words, state="RUNNING", study=STUDY):
    return JobInfo(f"{words.split()[0]}-first", state, tuple(words.split()), study)


def test_a_study_that_goes_on_under_another_name_has_its_job():
    search, resume = of("search --out x"), of("resume -- x")
    assert under_way([search], parse(["resume", STUDY]), STUDY) == search
    assert under_way([resume], asked(), STUDY) == resume
    assert under_way([search], asked(), STUDY) is None  # of the same name: see `latest`
    assert under_way([of("report -- x"), of("resume -- x", "FAILED")], asked(), STUDY) is None
    assert under_way([of("resume -- x", study="/mnt/other")], asked(), STUDY) is None
    assert under_way([search], parse(["report", STUDY]), STUDY) is None


def test_a_directory_in_which_another_kind_of_study_runs_is_refused():
    with pytest.raises(InputError, match="a scan runs, job scan-first; choose another --out"):
        under_way([of("scan --out x")], asked(), STUDY)
