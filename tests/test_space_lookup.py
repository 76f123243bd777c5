"""Search spaces are found, and tried, before anything is started."""

import sys

import optuna
import own_spaces
import pytest

from raysearch.errors import InputError
from raysearch.spaces import check_outside, families, lookup, space, space_name
from search_spaces import SPACES


def test_a_space_of_ones_own_is_found_by_module_and_function():
    assert space("own_spaces:good") is own_spaces.good


def test_a_function_gets_the_name_under_which_workers_find_it():
    assert space_name(own_spaces.good) == "own_spaces:good"
    assert space(space_name(SPACES["hgb"])) is SPACES["hgb"]
    assert space_name("hgb") == "hgb"


def test_a_lambda_or_an_inner_function_is_refused():
    def inner(trial):
        return own_spaces.good(trial)

    for function in (inner, lambda trial: own_spaces.good(trial)):
        with pytest.raises(InputError, match="must be a function of a module, importable"):
            space_name(function)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("weak", "unknown search space 'weak'; did you mean 'weak_supervision'"),
        ("own_spaces:godo", "unknown search space 'own_spaces:godo'"),
        ("no_such_module:space", "must be importable, but got 'no_such_module:space'"),
        (":space", "must be importable, but got ':space'"),
        (".own_spaces:good", "must be importable, but got '.own_spaces:good'"),
        ("own_spaces:unknown_detector", "unknown detector 'hbg'; did you mean 'hgb'"),
        ("own_spaces:unknown_parameter", "'max_iters'; did you mean 'max_iter'"),
        ("own_spaces:seldom_wrong", "'learn_rate'; did you mean 'learning_rate'"),
        ("own_spaces:no_dict", "must return a dict with 'detector' and 'parameters'"),
        ("own_spaces:incomplete", "must return a dict with 'detector' and 'parameters'"),
        ("own_spaces:broken", "'own_spaces:broken' raised KeyError"),
        ("own_spaces:not_a_function", "raised TypeError"),
    ],
)
def test_a_space_that_cannot_be_used_is_refused_with_the_reason(name, message):
    with pytest.raises(InputError) as raised:
        space(name)
    assert message in str(raised.value)


def test_trying_a_space_says_nothing_and_leaves_optunas_logging(capfd):
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.INFO)
    try:
        space("hgb")
        assert optuna.logging.get_verbosity() == optuna.logging.INFO
    finally:
        optuna.logging.set_verbosity(before)
    assert capfd.readouterr() == ("", "")


SPACE = "def space(trial):\n    return {'detector': 'hgb', 'parameters': {}}\n"


@pytest.fixture
def here(monkeypatch, tmp_path):
    """The current directory, which is no place of modules otherwise."""
    monkeypatch.chdir(tmp_path)
    for name in ("mine_here", "unwanted_here"):
        (tmp_path / f"{name}.py").write_text(SPACE)
    yield tmp_path
    sys.modules.pop("mine_here", None)


def test_a_space_in_the_current_directory_is_found_and_nothing_else_is(here):
    before = list(sys.path)
    assert lookup("mine_here:space").__module__ == "mine_here"
    assert sys.path == before
    with pytest.raises(ImportError):
        __import__("unwanted_here")


def test_the_current_directory_comes_last_and_is_taken_away_again(here, monkeypatch):
    (here / "installed").mkdir()
    (here / "installed" / "mine_here.py").write_text(SPACE + "IS_INSTALLED = True\n")
    monkeypatch.setattr(sys, "path", [str(here / "installed"), *sys.path])
    assert lookup("mine_here:space").__globals__["IS_INSTALLED"]
    monkeypatch.setattr(sys, "path", [str(here), *sys.path])
    before = list(sys.path)
    lookup("mine_here:space")
    assert sys.path == before


@pytest.mark.parametrize(
    ("name", "file", "start"),
    [
        ("evil:space", "evil.py", "study"),
        ("evil.deep:space", "evil/__init__.py", "study"),
        ("study.evil:space", "evil.py", "."),
        ("study.figures.evil:space", "figures/evil.py", "."),
    ],
)
def test_the_code_of_a_space_in_its_study_is_refused_and_not_run(
    name, file, start, monkeypatch, tmp_path
):
    study = tmp_path / "study"
    (study / file).parent.mkdir(parents=True, exist_ok=True)
    (study / file).write_text("raise SystemExit('it ran')")
    monkeypatch.chdir(tmp_path / start)
    with pytest.raises(InputError, match=r"must not lie in the study's own directory"):
        check_outside(name, study)


@pytest.mark.parametrize("name", ["hgb", "own_spaces:good", "absent:space", "json:loads", ":x"])
def test_the_code_of_other_spaces_is_not(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_outside(name, tmp_path)


def test_the_families_of_a_space_are_those_it_suggests():
    assert families("weak_supervision") == {"mlp", "hgb", "adaboost"}
    assert families("lightgbm") == {"lightgbm"}
