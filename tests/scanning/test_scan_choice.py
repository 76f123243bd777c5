import numpy as np
import pytest

from raysearch.records import Record
from raysearch.scanning.choice import best_set, choices, shared


def complete(**metrics):
    return Record("COMPLETE", metrics, 1, 1.0, None, "hgb")


@pytest.mark.parametrize(("objective", "best"), [("val_sic", 2), ("val_loss", 0)])
def test_the_best_mean_wins_in_the_direction_of_the_objective(objective, best):
    assert best_set(np.array([0.1, 0.2, 0.3, np.nan]), objective) == best


def test_of_equals_the_first_is_chosen():
    assert best_set(np.array([0.2, 0.3, 0.3]), "val_sic") == 1


def test_a_failed_set_is_never_chosen():
    failed = Record("FAIL", {"val_sic": [9.0]}, 1, 1.0, "no", "hgb")
    records = [failed, complete(val_sic=[0.1, 0.3]), complete(val_sic=[0.15, 0.15])]
    assert choices(records, ["val_sic", "max_sic"]) == {"val_sic": 1}


def test_if_all_failed_nothing_is_chosen():
    assert choices([Record("FAIL", {}, 0, 0.0, "no", "hgb")], ["val_sic"]) == {}


def test_objectives_with_one_choice_share_its_training():
    chosen = {"val_sic": 3, "val_loss": 1, "max_sic": 3}
    assert shared(chosen) == {("val_sic", "max_sic"): 3, ("val_loss",): 1}
