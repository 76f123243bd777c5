import pytest

from raysearch.density import CathodeSettings
from raysearch.errors import InputError
from raysearch.scanning.cells import Cell, trial_index
from raysearch.scanning.settings import (
    N_SIGNAL,
    ScanSettings,
    progression,
    scan_settings_from_json,
)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"modes": ("idealized",)}, "unknown mode 'idealized'; did you mean 'idealised'?"),
        ({"modes": ()}, "modes must be one or more, each once, but got none"),
        ({"modes": ("cwola", "cwola")}, "each once, but got cwola, cwola"),
        ({"features": ("extended1",)}, "did you mean 'extended_1'?"),
        ({"detectors": ("hbg",)}, "unknown detector 'hbg'; did you mean 'hgb'?"),
        ({"objectives": ("val_sick",)}, "did you mean 'val_sic'?"),
        ({"n_signal": (-1, 5)}, "`0 <= n_signal`, rising, must hold, but got -1, 5"),
        ({"n_signal": (5, 1)}, "rising, must hold, but got 5, 1"),
        ({"modes": ("cwola", "supervised")}, "'supervised' needs signal, but got n_signal = 0"),
        ({"sets": 0}, "`1 <= sets <= 65536` must hold, but got sets = 0"),
        ({"repeats": 0}, "`repeats >= 1` must hold, but got repeats = 0"),
        ({"seed": -1}, "`seed >= 0` must hold"),
        ({"signal_region_tev": (3.7, 3.3)}, "`0 <= low < high` must hold"),
        ({"modes": ("cathode",), "signal_region_tev": (5.9, 6.2)}, "inside the range"),
    ],
)
def test_what_breaks_a_rule_is_refused(wrong, message):
    with pytest.raises(InputError) as refused:
        ScanSettings(**wrong)
    assert message in str(refused.value)


def test_a_scan_takes_the_published_number_of_strengths():
    assert len(N_SIGNAL) == 14
    assert (N_SIGNAL[0], N_SIGNAL[-1]) == (0, 1000)


def test_cells_are_all_combinations_with_equal_strengths_together():
    settings = ScanSettings(n_signal=(0, 9), modes=("cwola", "idealised"), features=("baseline",))
    assert settings.cells() == [
        Cell("cwola", "baseline", 0),
        Cell("idealised", "baseline", 0),
        Cell("cwola", "baseline", 9),
        Cell("idealised", "baseline", 9),
    ]


def test_a_cell_is_prepared_by_the_settings_of_the_scan():
    settings = ScanSettings(n_signal=(7,), seed=3, modes=("cwola",), sideband_width_tev=0.1)
    of_cell = settings.of_cell(Cell("cwola", "baseline", 7))
    assert (of_cell.mode, of_cell.n_signal, of_cell.seed) == (("cwola",), 7, 3)
    assert of_cell.sideband_width_tev == 0.1
    assert of_cell.verdict_share == 0  # as published, all rows choose
    assert of_cell.objective == "max_sic"


def test_settings_survive_json():
    cathode = CathodeSettings(parameters={"epochs": 3}, oversampling=2)
    settings = ScanSettings(n_signal=(1, 2), modes=("cathode",), cathode=cathode, sets=4)
    assert scan_settings_from_json(settings.as_json()) == settings


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("7", (7,)),
        ("0,25,50,...,150", (0, 25, 50, 75, 100, 125, 150)),
        ("0,10,...,35", (0, 10, 20, 30, 35)),
        ("0,100,...,300,1000", (0, 100, 200, 300, 1000)),
    ],
)
def test_equal_steps_may_be_left_out(text, numbers):
    assert progression(text.split(",")) == numbers


@pytest.mark.parametrize("text", ["...,3", "1,...,3", "1,2,...", "2,1,...,5", "1,x", "1.5", ""])
def test_numbers_that_say_nothing_are_refused(text):
    with pytest.raises(InputError):
        progression(text.split(","))


def test_no_two_trials_of_a_cell_share_an_index_and_no_two_cells_a_seed():
    names = ("mlp", "piecewise_mlp", "hgb", "lightgbm", "adaboost", "random_forest")
    assert len({trial_index(name, k) for name in names for k in (0, 1, 65535)}) == 18
    cells = ScanSettings(modes=("cwola", "idealised"), features=("baseline", "extended_1")).cells()
    assert len({cell.seed(1) for cell in cells}) == len(cells)
