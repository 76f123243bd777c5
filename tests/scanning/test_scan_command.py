"""The command: what the user got wrong is one sentence and exit status 2, before Ray."""

import subprocess
import sys

import pytest
from toys import toy_events

from raysearch import cli, scanning
from raysearch.density import CathodeSettings
from raysearch.events import write_columns
from raysearch.files import write_json
from raysearch.scanning import ScanSettings, interface


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(interface, "_run", lambda *a: pytest.fail("the scan was started"))
    write_columns(tmp_path / "events.h5", toy_events(1800, 200))
    write_columns(tmp_path / "unlabelled.h5", toy_events(900, 0, labels=False))

    def of(*words):
        monkeypatch.setattr(sys, "argv", ["raysearch", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return of


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("absent.h5", "an event file must exist, but 'absent.h5' is no file"),
        ("events.h5 --modes idealised,cwolla", "unknown mode 'cwolla'; did you mean 'cwola'?"),
        ("events.h5 --detectors mpl", "unknown detector 'mpl'; did you mean 'mlp'?"),
        ("events.h5 --objectives val_sic,maxsic", "did you mean 'max_sic'?"),
        ("events.h5 --features extended_9", "unknown feature set 'extended_9'"),
        ("events.h5 --n-signal 0,201", "got n_signal = 201 and a file with 200 signal events"),
        ("events.h5 --n-signal=-5,0", "`0 <= n_signal`, rising, must hold, but got -5, 0"),
        ("events.h5 --n-signal 0,x", "must be whole, a,b,... or a,b,...,z, but got 'x'"),
        ("events.h5 --n-signal 50 --features baseline_dr", "must offer the columns delta_r"),
        ("unlabelled.h5 --n-signal 0", "a scan injects signal from labelled events"),
        ("events.h5 --n-signal 50 --modes cathode", "needs at least 500 data events in each"),
        ("events.h5 --repeats 0", "`repeats >= 1` must hold, but got repeats = 0"),
        ("events.h5 --sets 0", "`1 <= sets <= 65536` must hold, but got sets = 0"),
        ("events.h5 --signal-region 3.3", "must be two numbers in TeV"),
        ("events.h5 --address localhost", "must be host:port or auto, but got 'localhost'"),
        ("events.h5 --n-signal 50 --out events.h5/x", "--out must be a directory"),
        (
            "events.h5 --n-signal 50,100 --detectors hgb --max-cpu-hours 0",
            "a scan may take --max-cpu-hours 0, but this one is estimated to take",
        ),
    ],
)
def test_a_wrong_word_is_refused_with_rule_and_value(words, message, run, tmp_path):
    status, _, err = run("scan", *words.split())
    assert status == 2
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "studies").exists()


def held(directory, **changed):
    settings = ScanSettings(**{"n_signal": (50,), **changed})
    about = {"schema": 1, "settings": settings.as_json(), "inputs": {}, "complete": False}
    write_json(directory / "scan.json", about)


def test_a_directory_that_holds_another_scan_is_refused(run, tmp_path):
    held(tmp_path / "old", seed=7)
    status, _, err = run("scan", "events.h5", "--n-signal", "50", "--sets", "9", "--out", "old")
    assert status == 2
    assert "old holds one of different seed, sets, input files" in err
    assert "raysearch resume old" in err


def test_a_directory_that_holds_a_study_is_refused(run, tmp_path):
    write_json(tmp_path / "old" / "study.json", {})
    words = ["--n-signal", "50", "--detectors", "hgb", "--sets", "1", "--out", "old", "--yes"]
    status, _, err = run("scan", "events.h5", *words)
    assert status == 2
    assert "old holds study.json" in err


def test_a_resumed_scan_needs_the_schema_it_was_written_with(run, tmp_path):
    write_json(tmp_path / "old" / "scan.json", {"schema": 99})
    status, _, err = run("resume", "old")
    assert status == 2
    assert "must have schema 1, but got 99" in err


def test_the_words_of_the_command_line_reach_the_scan(run, monkeypatch):
    seen = {}

    def scan(events, **given):
        seen.update(given)
        raise SystemExit(3)

    monkeypatch.setattr(scanning, "scan", scan)
    words = "scan e.h5 --n-signal 0,10,...,30 --modes cwola,cathode --features baseline,extended_1"
    words += " --detectors hgb --objectives val_sic --sets 4 --repeats 2 --seed 9 --template t.h5"
    words += " --test u.h5 --signal-region 3.1,3.5 --sideband-width 0.1 --cathode epochs=3"
    words += " --max-cpu-hours 7 --yes --out o --address auto"
    assert run(*words.split())[0] == 3
    assert {k: str(v) if k in ("out", "template", "test") else v for k, v in seen.items()} == {
        **{"n_signal": (0, 10, 20, 30), "modes": ["cwola", "cathode"], "detectors": ["hgb"]},
        **{"features": ["baseline", "extended_1"], "objectives": ["val_sic"], "sets": 4},
        **{"repeats": 2, "seed": 9, "template": "t.h5", "test": "u.h5", "yes": True},
        **{"signal_region_tev": (3.1, 3.5), "sideband_width_tev": 0.1, "max_cpu_hours": 7.0},
        **{"out": "o", "address": "auto", "cathode": CathodeSettings(parameters={"epochs": 3})},
    }


def test_a_process_refuses_in_a_sentence_without_waiting_for_ray(tmp_path):
    code = "import sys; from raysearch.cli import main\n"
    code += "try: main()\nfinally: print('ray' in sys.modules)"
    words = [sys.executable, "-c", code, "scan", "absent.h5", "--out", str(tmp_path / "out")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (2, "False\n")
    assert done.stderr.startswith("error: an event file must exist")


@pytest.mark.parametrize(
    ("changed", "told"),
    [({}, ""), ({"numpy": "0.1"}, "begun with another numpy: "), (None, "another commit")],
)
def test_a_scan_that_goes_on_with_other_code_says_so(changed, told, monkeypatch, tmp_path):
    monkeypatch.setattr(interface, "_run", lambda *a: None)
    monkeypatch.setattr(interface, "scan_inputs", lambda *a: {})
    commit = interface.git_commit() if changed is not None else "0" * 40
    about = {"schema": 1, "settings": ScanSettings().as_json(), "inputs": {}, "complete": False}
    about |= {"versions": interface.versions() | (changed or {}), "git_commit": commit}
    write_json(tmp_path / "scan.json", about)
    lines = []
    interface.resume_scan(tmp_path, say=lines.append)
    assert told in "".join(lines)
    assert bool(lines) == bool(told)
