"""What every objective owes."""

import numpy as np
import pytest

from raysearch.errors import InputError
from raysearch.objectives import OBJECTIVES, objective


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    classes = np.arange(2000) < 1000
    return classes, rng.normal(size=2000) + classes


@pytest.mark.parametrize("name", OBJECTIVES)
class TestObjective:
    def test_it_is_found_by_its_name(self, name):
        assert objective(name).name == name
        with pytest.raises(InputError, match=f"did you mean '{name}'"):
            objective(name + "x")

    def test_it_gives_a_finite_number(self, name, problem):
        value = objective(name).function(*problem)
        assert isinstance(value, float)
        assert np.isfinite(value)

    def test_it_prefers_good_scores_to_random_and_random_to_reversed(self, name, problem):
        classes, scores = problem
        noise = np.random.default_rng(1).normal(size=len(scores))
        values = [objective(name).function(classes, s) for s in (-scores, noise, scores)]
        signed = np.array(values) * (1 if objective(name).direction == "max" else -1)
        assert signed[2] > signed[1] >= signed[0]

    def test_it_puts_the_best_first_and_nan_last(self, name):
        order = objective(name).order(np.array([0.3, np.nan, 0.1, 0.2])).tolist()
        assert order == ([0, 3, 2, 1] if objective(name).direction == "max" else [2, 3, 0, 1])

    def test_the_first_of_equal_values_wins(self, name):
        assert objective(name).best(np.array([np.nan, 0.5, 0.5])) == 1

    def test_it_leaves_its_arguments_as_they_were(self, name, problem):
        classes, scores = problem[0].copy(), problem[1].copy()
        objective(name).function(classes, scores)
        np.testing.assert_array_equal(classes, problem[0])
        np.testing.assert_array_equal(scores, problem[1])


def test_only_the_supervised_metric_needs_labels():
    assert [o.name for o in OBJECTIVES.values() if o.supervised] == ["max_sic"]
    assert [o.name for o in OBJECTIVES.values() if o.direction == "min"] == ["val_loss"]
