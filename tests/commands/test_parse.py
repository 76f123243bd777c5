"""A command as data: what it was given, and words that give it again."""

from pathlib import Path

import pytest

from raysearch.commands.parse import absolute, option, parse
from raysearch.errors import InputError

WORDS = [
    "search",
    "search -- -odd.h5",
    "search --n-signal -5 e.h5 --cathode a=1 --cathode epochs=2 --space my:space",
    "scan e.h5 --yes --n-signal 0,100,...,1000 --max-cpu-hours .5",
    "nplm d.h5 r.h5 --expected 10.5",
    "score study e.h5 --out s.h5",
    "benchmark --only trees --only toys --quick",
]


@pytest.mark.parametrize("words", WORDS)
def test_the_words_of_a_command_give_the_command(words):
    command = parse(words.split())
    assert parse(command.words()) == command
    assert parse(command.words()).words() == command.words()


def test_defaults_and_the_order_of_words_make_no_difference():
    plain, spelled = "search e.h5 --seed 7 --trials 4", "search --trials=4 --mode idealised"
    spelled += " --seed 7 e.h5"
    assert parse(plain.split()) == parse(spelled.split())
    assert parse(plain.split()).words() == ("search", "--trials=4", "--seed=7", "--", "e.h5")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "must have a name"),
        ("search --trials 3", "must be a list of words"),
        (["serch"], "unknown command 'serch'; did you mean 'search'"),
        (["submit", "search"], "unknown command 'submit'"),
        (["search", "--trials", "x"], "--trials"),
        (["search", "--triels", "3"], "--triels"),
        (["search", "a", "b"], "`raysearch search` does not take these words: .*b"),
        (["nplm", "a"], "reference|REFERENCE"),
    ],
)
def test_what_is_no_command_is_refused_with_the_word(words, message):
    with pytest.raises(InputError, match=message):
        parse(words)


def test_paths_are_known_and_made_absolute():
    command = parse(["search", "e.h5", "--template", "/t.h5", "--out", "o", "--space", "my:space"])
    assert command.paths == {"events": "e.h5", "template": "/t.h5", "out": "o"}
    moved = absolute(command, Path("/home/me"))
    assert moved.paths == {"events": "/home/me/e.h5", "template": "/t.h5", "out": "/home/me/o"}
    assert moved.values["space"] == "my:space"


def test_a_uri_is_a_place_of_its_own():
    command = absolute(parse(["search", "e.h5", "--out", "s3://bucket/o"]), Path("/home/me"))
    assert command.paths == {"events": "/home/me/e.h5", "out": "s3://bucket/o"}
    assert parse(command.words()) == command


def test_an_option_is_named_as_it_is_written():
    assert option("nplm", "reference") == "REFERENCE"
    assert option("search", "sideband_width") == "--sideband-width"
