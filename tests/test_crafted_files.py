"""Generated files in the place of those that raysearch wrote: a sentence, and nothing is run.

Whatever a file holds, what a user does with it ends well, or in one `InputError` that names the
file or its directory. `RAYSEARCH_CRAFTED=5000` runs as many examples of each test.
"""

import contextlib
import io
import os
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import crafted_bases
import pytest
from crafted import copied, files_of, mutate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toys import toy_events
from traps import RAN

from raysearch import api, cli, execute, load_study
from raysearch.errors import InputError
from raysearch.events import read_events, write_columns
from raysearch.live.interface import _settings as page_settings
from raysearch.live.state import State, message
from raysearch.nplm.store import check_directory, open_store
from raysearch.records import INTERRUPTED
from raysearch.report import style
from raysearch.scanning import execute as scan_execute
from raysearch.scanning import interface as scan_interface
from raysearch.scanning import load_scan
from raysearch.service.results import load_result
from raysearch.settings import Settings

# What numpy warns of where numbers are absurd is no matter here.
pytestmark = pytest.mark.filterwarnings("ignore")
RANDOM = st.randoms(use_true_random=True)
COUNT = int(os.environ.get("RAYSEARCH_CRAFTED", "0"))


def examples(default):
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    return settings(
        max_examples=COUNT or default, suppress_health_check=quiet, report_multiple_bugs=True
    )


@pytest.fixture(scope="module")
def at():
    """The directories of this module, with what trains or draws put out of the way."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for module in (api, scan_interface):
            patch.setattr(module, "connected", lambda *given: nullcontext())
        patch.setattr(api, "_inputs", lambda *given: None)
        patch.setattr(api, "prepare_study", _prepared)
        patch.setattr(execute, "share", lambda samples: samples)
        patch.setattr(execute, "run_search", _up_to_the_first_trial)
        patch.setattr(scan_interface, "scan_inputs", lambda *given: {})
        patch.setattr(scan_execute, "Conduct", lambda *given: SimpleNamespace(run=lambda end: None))
        patch.setattr(style, "_bytes", lambda figure, kind: b"not drawn")
        patch.setenv("COLUMNS", "200")
        here = Path(folder)
        for place in ("sqlite", "journal"):
            crafted_bases.study(here / place, place, complete=False)
        crafted_bases.study(here / "complete", "sqlite", complete=True)
        crafted_bases.scan(here / "scan", complete=False)
        crafted_bases.scan(here / "complete-scan", complete=True)
        crafted_bases.nplm(here / "nplm")
        write_columns(here / "events.h5", toy_events(60, 20))
        yield here


def _prepared(*given, **named):
    return SimpleNamespace(samples={}, variations={}, optimal=None)


def _up_to_the_first_trial(history, *given):
    history.ask()
    history.close()
    return INTERRUPTED


def command(*words):
    """What the command line does, in this process; its one line where the input is at fault."""
    said, out = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(said):
        patch.setattr(sys, "argv", ["raysearch", *map(str, words)])
        with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as ended:
            cli.main()
    if ended.value.code == 2:
        raise InputError(said.getvalue().removesuffix("\n"))
    assert ended.value.code in (0, None, 130)
    assert "\x1b" not in out.getvalue()


def refused_or_well(directory, use):
    """Use a directory; True if it ended well."""
    RAN.clear()
    try:
        use(directory)
        well = True
    except InputError as error:
        well, text = False, str(error)
        assert str(directory) in text, f"no place: {text}"
        assert "\n" not in text, text
        assert len(text) < 2000, text
    assert not RAN
    return well


def see(directory):
    study = load_study(directory)
    for use in (study.summary, study.table, study.scores, lambda: study.best, study.detector):
        refused_or_well(directory, lambda _, use=use: use())
    _ = study.preference, study.place


def follow(directory):
    """A page that is begun, and one that was there before: that one must never fail."""
    chosen = Settings()
    with contextlib.suppress(InputError):
        refused_or_well(directory, page_settings)
        chosen = page_settings(directory)
    state = State(directory, chosen)
    for _ in range(2):
        found = state.refresh()
        assert message(found, "", 0)


def score(directory, objective):
    out = directory.parent / "scored.h5"
    command("score", directory, directory.parent / "events.h5", "--out", out, *objective)


STUDY_USES = {
    "see": see,
    "report": lambda directory: command("report", directory),
    "resume": lambda directory: command("resume", directory),
    "score": lambda directory: score(directory, []),
    "score recommended": lambda directory: score(directory, ["--objective", "recommended"]),
    "page": follow,
    "result": load_result,
}


@pytest.mark.parametrize("base", ["sqlite", "journal", "complete"])
@pytest.mark.parametrize("name", STUDY_USES)
def test_without_a_change_every_use_ends_well(base, name, at):
    assert refused_or_well(copied(at / base, at / "mine"), STUDY_USES[name])


def crafted(rng, at, base, names=None):
    """A copy of a base in which one file was changed, or two."""
    directory = copied(at / base, at / "mine")
    files = files_of(directory) if names is None else names
    for name in rng.sample(files, rng.choice([1, 1, 2]) if len(files) > 1 else 1):
        mutate(rng, directory / name)
    return directory


def used(rng, directory, uses):
    refused_or_well(directory, uses[rng.choice(sorted(uses))])


@pytest.mark.parametrize("base", ["sqlite", "journal", "complete"])
@examples(25)
@given(rng=RANDOM)
def test_a_crafted_study_is_refused_in_a_sentence(base, at, rng):
    used(rng, crafted(rng, at, base), STUDY_USES)


@pytest.mark.parametrize("name", ["optuna.db", "optuna.journal"])
@examples(20)
@given(rng=RANDOM)
def test_a_crafted_history_is_refused_in_a_sentence(name, at, rng):
    base = "sqlite" if name == "optuna.db" else "journal"
    uses = {name: STUDY_USES[name] for name in ("resume", "page")}
    used(rng, crafted(rng, at, base, [name]), uses)


@examples(30)
@given(rng=RANDOM)
def test_a_crafted_detector_is_refused_in_a_sentence(at, rng):
    files = [name for name in files_of(at / "complete") if name.startswith("detector")]
    uses = {name: STUDY_USES[name] for name in ("score", "score recommended")}
    used(rng, crafted(rng, at, "complete", files), uses)


SCAN_USES = {
    "load": lambda directory: load_scan(directory).table(),
    "report": lambda directory: command("report", directory),
    "resume": lambda directory: command("resume", directory),
    "result": load_result,
}


@pytest.mark.parametrize("base", ["scan", "complete-scan"])
@pytest.mark.parametrize("name", SCAN_USES)
def test_without_a_change_every_use_of_a_scan_ends_well(base, name, at):
    assert refused_or_well(copied(at / base, at / "mine"), SCAN_USES[name])


@pytest.mark.parametrize("base", ["scan", "complete-scan"])
@examples(20)
@given(rng=RANDOM)
def test_a_crafted_scan_is_refused_in_a_sentence(base, at, rng):
    used(rng, crafted(rng, at, base), SCAN_USES)


NPLM_USES = {
    "check": lambda directory: check_directory(directory, crafted_bases.NPLM_ASKED),
    "open": lambda directory: open_store(
        directory, (1.0, 2.0), crafted_bases.NPLM_ASKED, crafted_bases.NPLM_CHOSEN
    ),
    "result": load_result,
}


@pytest.mark.parametrize("name", NPLM_USES)
def test_without_a_change_a_test_is_opened(name, at):
    assert refused_or_well(copied(at / "nplm", at / "mine"), NPLM_USES[name])


@examples(40)
@given(rng=RANDOM)
def test_a_crafted_test_is_refused_in_a_sentence(at, rng):
    used(rng, crafted(rng, at, "nplm"), NPLM_USES)


@examples(40)
@given(rng=RANDOM)
def test_a_crafted_event_file_is_refused_in_a_sentence(at, rng):
    path = at / "crafted.h5"
    if path.is_dir():
        path.rmdir()
    path.write_bytes((at / "events.h5").read_bytes())
    mutate(rng, path)
    refused_or_well(path, read_events)
