"""The command line: what the user got wrong is one sentence and exit status 2, before Ray."""

import subprocess
import sys

import h5py
import numpy as np
import pytest
from toys import hand_made_study, toy_events

from raysearch import api, cli
from raysearch.density import CathodeSettings
from raysearch.events import read_events, write_columns


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Runs the command line in a folder of its own; a search that would start is a failure."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(api, "_execute", lambda *a: pytest.fail("the search was started"))

    def of(*words):
        monkeypatch.setattr(sys, "argv", ["raysearch", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return of


@pytest.fixture
def refused(run, tmp_path):
    """Runs a search that must be refused with one sentence, which it returns."""

    def of(*words):
        status, out, err = run("search", *words)
        assert (status, out) == (2, "")
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert not (tmp_path / "studies").exists()
        return err

    return of


@pytest.fixture
def events(tmp_path):
    write_columns(tmp_path / "events.h5", toy_events(1800, 200))
    return tmp_path / "events.h5"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["absent.h5"], "an event file must exist, but 'absent.h5' is no file"),
        (["--mode", "idealized"], "unknown mode 'idealized'; did you mean 'idealised'?"),
        (["--objective", "sic"], "unknown objective 'sic'; did you mean "),
        (["--space", "hbg"], "unknown search space 'hbg'; did you mean 'hgb'?"),
        (["--space", "own_spaces:unknown_parameter"], "did you mean 'max_iter'?"),
        (["--space", ":x"], "must be importable"),
        (["--space", "json:dumps"], "'json:dumps' raised TypeError"),
        (["--sampler", "tpa"], "unknown sampler 'tpa'; did you mean 'tpe'?"),
        (["--backend", "direkt"], "unknown backend 'direkt'; did you mean 'direct'?"),
        (["--features", "extended1"], "did you mean 'extended_1'?"),
        (["--features", "extended_3"], "needs the columns tau1j1_5"),
        (["--signal-region", "3.3"], "must be two numbers in TeV, low,high, but got '3.3'"),
        (["--signal-region", "a,b"], "must be two numbers in TeV, low,high, but got 'a,b'"),
        (["--signal-region", "3,4,5"], "must be two numbers in TeV, low,high, but got '3,4,5'"),
        (["--signal-region", "3.7,3.3"], "`0 <= low < high` must hold"),
        (["--signal-region", "nan,3.3"], "`0 <= low < high` must hold"),
        (["--signal-region", "50,51"], "a window must hold at least"),
        (["--sideband-width", "0"], "sideband width must be positive, but got 0.0"),
        (["--trials", "0"], "`trials >= 1` must hold"),
        (["--n-signal", "-1"], "got n_signal = -1"),
        (["--address", "localhost"], "must be host:port or auto, but got 'localhost'"),
        (["--address", "localhost:1"], "a Ray head must answer at the address, but localhost:1"),
        (["--address", "a..b:6379"], "a Ray head must answer at the address, but a..b:6379"),
    ],
)
def test_a_wrong_word_is_refused_with_rule_and_value(words, message, refused):
    assert message in refused(*words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--n-signal", "201"], "got n_signal = 201 and a file with 200 signal events"),
        (["--signal-region", "4.5,5"], "none has 4.5 <= mjj < 5.0 TeV"),
        (
            ["--signal-region", "3.3,3.31"],
            "must hold at least 10",
        ),
        (["--template", "events.h5"], "events and template must not share events, but 2000"),
        (["--test", "events.h5"], "events and test must not share events"),
        (["--template", "absent.h5"], "'absent.h5' is no file"),
        (["--features", "baseline_dr"], "delta_r"),
        (["--mode", "cwola", "--sideband-width", "0.001"], "wider sidebands"),
    ],
)
@pytest.mark.usefixtures("events")
def test_events_that_do_not_allow_it_are_refused(words, message, refused):
    assert message in refused("events.h5", *words)


@pytest.mark.parametrize(
    ("column", "row", "value", "message"),
    [
        ("tau21j1", 7, np.nan, "must be finite, but is NaN or infinite in row 7"),
        ("mjj", 1999, np.inf, "in row 1999"),
        ("label", 3, 2, "0 or 1"),
    ],
)
def test_a_bad_value_in_a_file_is_refused(column, row, value, message, refused, events):
    with h5py.File(events, "r+") as file:
        file["events"][column][row] = value
    error = refused(events)
    assert column in error
    assert message in error


def test_a_truncated_file_is_refused(refused, events):
    events.write_bytes(events.read_bytes()[:3000])
    assert "not an HDF5 file, or truncated" in refused(events)


def test_a_file_that_is_no_hdf5_is_refused(refused, tmp_path):
    (tmp_path / "a.h5").write_text("hello")
    assert "not an HDF5 file, or truncated" in refused(tmp_path / "a.h5")


def test_a_folder_is_no_event_file(refused, tmp_path):
    assert "is no file" in refused(tmp_path)


def test_a_file_of_a_wrong_layout_is_refused(refused, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a/x"], file["b/y"] = np.zeros(3), np.zeros((3, 4))
    assert "the layout must be one of" in refused(tmp_path / "a.h5")


def test_a_template_of_99_events_is_refused(refused, events, tmp_path):
    write_columns(tmp_path / "t.h5", toy_events(99, 0, 1, True, 10_000, 3.3, 3.7))
    assert "at least 100 events, but got 99" in refused(events, "--template", "t.h5")


def test_test_events_without_labels_are_refused(refused, events, tmp_path):
    write_columns(tmp_path / "t.h5", toy_events(500, 0, 1, False, 10_000))
    assert "test events must be labelled" in refused(events, "--test", "t.h5")


def test_events_without_labels_need_a_template_or_cwola(refused, tmp_path):
    write_columns(tmp_path / "e.h5", toy_events(1000, 0, labels=False))
    assert "give --template FILE or use --mode cwola" in refused("e.h5")
    assert "needs labelled test events" in refused("e.h5", "--mode", "cwola", "--objective=max_sic")
    assert "'supervised' needs labelled" in refused("e.h5", "--mode", "supervised")


def test_a_directory_that_holds_another_study_is_refused(refused, events, tmp_path):
    hand_made_study(tmp_path / "old")
    error = refused(events, "--out", "old", "--seed", "7", "--trials", "1")
    assert "old holds another study (different seed)" in error
    assert "raysearch resume old" in error


def test_a_directory_that_holds_this_study_is_refused_too(refused, events, tmp_path):
    hand_made_study(tmp_path / "old")
    assert "holds this study; go on with it" in refused(events, "--out", "old", "--trials", "1")


@pytest.mark.parametrize("out", ["file", "file/sub", "file/sub/deeper"])
def test_an_output_directory_below_a_file_is_refused(out, refused, events, tmp_path):
    (tmp_path / "file").write_text("")
    assert "--out must be a directory, but" in refused(events, "--out", out)


def test_a_refused_search_leaves_no_directory(refused, events, tmp_path):
    refused(events, "--out", "new", "--n-signal", "201")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("command", [["resume"], ["report"], ["score", "no", "--out", "s.h5"]])
def test_a_directory_without_a_study_is_refused(command, run, tmp_path):
    (tmp_path / "no").mkdir()
    words = command if command[0] == "score" else [*command, "no"]
    status, _, err = run(*words, *(["e.h5"] if command[0] == "score" else []))
    assert (status, err.count("\n")) == (2, 1)
    assert "a study directory must hold study.json" in err


@pytest.mark.parametrize("words", [["--trials", "x"], ["--unknown", "1"], ["a.h5", "b.h5"]])
def test_words_the_parser_does_not_know_are_refused_without_a_traceback(words, run):
    status, _, err = run("search", *words)
    assert status == 2
    assert "Traceback" not in err
    assert "Error" in err


def test_a_file_is_scored_by_the_chosen_detector(run, events, tmp_path):
    hand_made_study(tmp_path / "study")
    status, out, _ = run("score", "study", events, "--out", "scores.h5")
    assert (status, out) == (0, "2000 events scored: scores.h5\n")
    assert len(read_events(tmp_path / "scores.h5")) == 2000


def test_scoring_with_a_detector_that_was_not_chosen_is_refused(run, events, tmp_path):
    hand_made_study(tmp_path / "study")
    status, _, err = run("score", "study", events, "--out", "s.h5", "--objective", "max_sic")
    assert status == 2
    assert "has none for max_sic" in err


def test_the_words_of_the_command_line_reach_the_search(run, monkeypatch):
    seen = {}
    monkeypatch.setattr(api, "search", lambda events, **given: seen.update(given) or _stop())
    words = "search e.h5 --mode cwola --features extended_1 --space hgb --objective val_loss"
    words += " --sampler random --trials 4 --repeats 2 --seed 9 --n-signal 5 --template t.h5"
    words += " --test u.h5 --signal-region 3.1,3.5 --sideband-width 0.1 --gpus-per-trial 0.25"
    words += " --time-budget-s 60 --out o --address auto --backend tune --trials-per-pack 4"
    words += " --trial-timeout-s 90"
    words += " --cathode epochs=3 --cathode oversampling=2 --verdict-share 0.1 --go-on"
    words += " --contenders 3 --history journal --join --strategy steps"
    assert run(*words.split())[0] == 3
    assert {k: str(v) if k in ("out", "template", "test") else v for k, v in seen.items()} == {
        **{"mode": "cwola", "features": "extended_1", "space": "hgb", "objective": "val_loss"},
        **{"sampler": "random", "trials": 4, "repeats": 2, "seed": 9, "n_signal": 5},
        **{"template": "t.h5", "test": "u.h5", "signal_region_tev": (3.1, 3.5)},
        **{"sideband_width_tev": 0.1, "gpus_per_trial": 0.25, "time_budget_s": 60.0},
        **{"out": "o", "address": "auto", "backend": "tune", "trials_per_pack": 4},
        **{"trial_timeout_s": 90.0},
        "verdict_share": 0.1,
        "contenders": 3,
        "strategy": "steps",
        "go_on": True,
        "history": "journal",
        "join": True,
        "cathode": CathodeSettings(parameters={"epochs": 3}, oversampling=2),
    }


def _stop():
    raise SystemExit(3)


def test_a_process_refuses_in_a_sentence_without_waiting_for_ray(tmp_path):
    code = "import sys; from raysearch.cli import main\n"
    code += "try: main()\nfinally: print('ray' in sys.modules)"
    words = [sys.executable, "-c", code, "search", "absent.h5", "--out", str(tmp_path / "out")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (2, "False\n")
    assert done.stderr.startswith("error: an event file must exist, but 'absent.h5'")
    assert done.stderr.count("\n") == 1
