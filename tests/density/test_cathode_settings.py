"""The settings of the CATHODE mode: every rule is checked at once."""

import json

import pytest

from raysearch.density import CathodeSettings, cathode_from_json, cathode_from_words
from raysearch.errors import InputError


@pytest.mark.parametrize(
    "settings",
    [CathodeSettings(), CathodeSettings("maf", {"blocks": 3}, 2, 0.05, (1.5, 8.0), 3)],
)
def test_settings_survive_json(settings):
    assert cathode_from_json(json.loads(json.dumps(settings.as_json()))) == settings


def test_words_become_settings_and_hyperparameters():
    words = ["estimator=maf", "oversampling=2", "range_tev=2.5,5", "blocks=3", "learning_rate=1e-2"]
    expected = CathodeSettings("maf", {"blocks": 3, "learning_rate": 0.01}, 2, 0.01, (2.5, 5.0))
    assert cathode_from_words(words) == expected
    assert cathode_from_words([]) == CathodeSettings()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["estimator=maff"], "unknown density estimator 'maff'; did you mean 'maf'"),
        (["estimator"], "must be given as name=value, but got 'estimator'"),
        (["estimator=maf", "epoch=3"], "unknown maf parameter 'epoch'; did you mean 'epochs'"),
        (["epochs=many"], "needs a number after '=', but got 'many'"),
        (["epochs=1.5"], "must be a whole number of at least 1, but got 1.5"),
        (
            ["oversampling=0"],
            "`oversampling` of the density must be a whole number of at least 1, but got 0",
        ),
        (
            ["trials=1.5"],
            "`trials` of the density must be a whole number of at least 1, but got 1.5",
        ),
        (["bandwidth_tev=-1"], "`0 <= bandwidth_tev` must hold, but got bandwidth_tev = -1"),
        (["range_tev=5,2"], "must hold for a mass window"),
        (["range_tev=5"], "needs a number after '=', but got ''"),
    ],
)
def test_each_broken_rule_is_named_with_its_value(words, message):
    with pytest.raises(InputError) as raised:
        cathode_from_words(words)
    assert message in str(raised.value)
