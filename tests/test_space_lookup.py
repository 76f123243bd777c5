"""Search spaces are found, and tried, before anything is started."""

import optuna
import own_spaces
import pytest

from raysearch.errors import InputError
from raysearch.spaces import replay, space, space_name
from search_spaces import SPACES


def test_a_space_of_ones_own_is_found_by_module_and_function():
    assert space("own_spaces:good") is own_spaces.good
    assert replay("own_spaces:good", {"hgb/max_iter": 4})["parameters"] == {"max_iter": 4}


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
