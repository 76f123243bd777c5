"""Settings: every rule is checked at once, and they survive study.json."""

import dataclasses
import json

import pytest

from raysearch.density import CathodeSettings
from raysearch.errors import InputError
from raysearch.settings import Resources, Settings, settings_from_json

PARAMETERS = {"epochs": 3, "learning_rate": 0.01}
OTHERS = Settings(
    mode=("cathode", "cwola"),
    features=("extended_1+rotated", "baseline"),
    space="hgb",
    objective="max_sic",
    sampler="random",
    strategy="steps",
    trials=7,
    repeats=2,
    seed=9,
    n_signal=250,
    signal_region_tev=(3.0, 3.4),
    sideband_width_tev=0.15,
    cathode=CathodeSettings("flow_matching", PARAMETERS, 2, 0.02, (2.2, 5.0)),
    verdict_share=0.1,
    contenders=3,
)


@pytest.mark.parametrize("settings", [Settings(), OTHERS])
def test_settings_survive_json(settings):
    assert settings_from_json(json.loads(json.dumps(settings.as_json()))) == settings


def test_the_other_settings_differ_everywhere():
    mine, default = dataclasses.asdict(OTHERS), dataclasses.asdict(Settings())
    assert all(mine[name] != default[name] for name in mine)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mode": ("idealized",)}, "unknown mode 'idealized'; did you mean 'idealised'"),
        ({"features": ("base",)}, "unknown feature set 'base'; did you mean 'baseline'"),
        ({"mode": ()}, "mode must be one or more, each once, but got none"),
        ({"mode": ("cwola", "cwola")}, "each once, but got cwola, cwola"),
        ({"features": ("baseline", "baseline")}, "each once, but got baseline, baseline"),
        (
            {"mode": ("idealised", "supervised")},
            "but got mode = idealised, supervised; make it a study of its own",
        ),
        ({"objective": "val_sick"}, "unknown objective 'val_sick'; did you mean 'val_sic'"),
        ({"sampler": "tpee"}, "unknown sampler 'tpee'; did you mean 'tpe'"),
        ({"strategy": "step"}, "unknown strategy 'step'; did you mean 'steps'"),
        ({"strategy": "steps"}, "needs several modes or feature sets, but got one of each"),
        (
            {"strategy": "steps", "mode": ("idealised", "cwola", "cathode"), "trials": 2},
            "in the first of 3 pairs of mode and feature set and one or more in each other, but "
            "got trials = 2",
        ),
        ({"trials": 0}, "`trials >= 1` must hold, but got trials = 0"),
        ({"repeats": 0}, "`repeats >= 1` must hold, but got repeats = 0"),
        ({"seed": -1}, "`seed >= 0` must hold, but got seed = -1"),
        ({"contenders": 0}, "`contenders >= 1` must hold, but got contenders = 0"),
        ({"signal_region_tev": (3.7, 3.3)}, "must hold for a mass window"),
        ({"sideband_width_tev": 0.0}, "sideband width must be positive, but got 0.0"),
        ({"verdict_share": -0.1}, "`0 <= verdict_share <= 0.5` must hold, but got verdict_share ="),
        ({"verdict_share": 0.6}, "0 asks for no verdict"),
        ({"sideband_width_tev": 3.5}, "must hold for a mass window"),
        ({"features": ("baseline+noise0",)}, "'+rotated' and '+noiseN' in this order"),
        (
            {"mode": ("cathode",), "signal_region_tev": (1.9, 2.2)},
            "inside the range that trains the density, but got 1.9-2.2 TeV and a range of 2.0-6.0",
        ),
    ],
)
def test_each_broken_rule_is_named_with_its_value(wrong, message):
    with pytest.raises(InputError) as raised:
        Settings(**wrong)
    assert message in str(raised.value)


def test_an_unknown_backend_is_refused():
    with pytest.raises(InputError, match="unknown backend 'tuna'; did you mean 'tune'"):
        Resources(backend="tuna")


@pytest.mark.parametrize("limit", [0.0, -1.0, float("inf")])
def test_a_limit_of_a_trial_that_says_nothing_is_refused(limit):
    with pytest.raises(InputError, match="`0 < trial_timeout_s` must hold"):
        Resources(trial_timeout_s=limit)


def test_a_pack_has_no_time_limit():
    with pytest.raises(InputError, match="trials_per_pack = 2 and trial_timeout_s = 9"):
        Resources(trials_per_pack=2, trial_timeout_s=9.0)
    assert Resources(trials_per_pack=1, trial_timeout_s=9.0).trial_timeout_s == 9.0


def test_settings_never_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().seed = 2
