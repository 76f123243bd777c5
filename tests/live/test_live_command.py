"""`raysearch dashboard` as a user runs it, and what it finds elsewhere."""

import signal
import subprocess
import sys
import urllib.request

import pytest
from live_studies import Driver, complete

from raysearch.cli import main
from raysearch.live import links as module
from raysearch.live.links import links
from raysearch.tuning.place import Place


@pytest.fixture
def driver(tmp_path):
    made = Driver(tmp_path / "my study", trials=3)
    made.run(complete())
    return made


def command(*words):
    return subprocess.Popen(
        [sys.executable, "-m", "raysearch", "dashboard", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_command_prints_the_address_and_serves_until_ctrl_c(driver):
    with command(driver.directory, "--no-browser") as process:
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(url, timeout=20) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert (output, errors) == ("", "the page has ended\n")


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("{}/none", "error: a study directory must hold study.json"),
        ("file://{}/none", "error: there must be a study at file://"),
        ("s3://me:h1dden@bucket/none", "error: the URI of an object store must hold no password"),
    ],
)
def test_without_a_study_there_is_one_sentence(tmp_path, place, told, monkeypatch, capsys):
    words = ["raysearch", "dashboard", place.format(tmp_path), "--no-browser"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    output, errors = capsys.readouterr()
    assert (ended.value.code, output) == (2, "")
    assert errors.startswith(told)
    assert errors.count("\n") == 1
    assert "h1dden" not in errors


def test_what_exists_elsewhere_is_named(driver, monkeypatch):
    head = type("Head", (), {"url": "http://127.0.0.1:8265"})
    monkeypatch.setattr(module, "running_head", lambda: head)
    monkeypatch.setattr(module, "find_spec", lambda name: name == "optuna_dashboard" or None)
    (driver.directory / "tune" / "trial").mkdir(parents=True)
    (driver.directory / "tune" / "trial" / "events.out.tfevents.1").touch()
    ray, tensorboard, optuna = links(driver.directory, driver.place)
    assert ray.url == "http://127.0.0.1:8265"
    assert tensorboard.command == f"tensorboard --logdir '{driver.directory}'"
    assert optuna.command == f"optuna-dashboard 'sqlite:///{driver.directory}/optuna.db'"


def test_each_history_is_named_as_optunas_dashboard_opens_it(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "running_head", lambda: None)
    monkeypatch.setattr(module, "find_spec", lambda name: True)
    monkeypatch.delenv("RAY_API_SERVER_ADDRESS", raising=False)
    (tmp_path / "optuna.journal").touch()
    (journal,) = links(tmp_path, Place("journal"))
    assert journal.command == f"optuna-dashboard {tmp_path}/optuna.journal"
    (server,) = links(tmp_path, Place("postgresql://me@host/all", "study"))
    assert server.command == "optuna-dashboard postgresql+psycopg://me@host/all"
    assert links(tmp_path, Place()) == links(tmp_path, None) == []


def test_what_does_not_exist_is_not_named(driver, monkeypatch):
    monkeypatch.setattr(module, "running_head", lambda: None)
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    monkeypatch.delenv("RAY_API_SERVER_ADDRESS", raising=False)
    assert links(driver.directory, driver.place) == []
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "javascript:alert(1)")
    assert links(driver.directory, driver.place) == []
