"""What every search space owes: published ranges, and suggestions that its detector accepts."""

import optuna
import pytest
from toys import fitted, toy_rows, two_members

from raysearch.detectors import check, detector
from raysearch.joint import replay
from raysearch.settings import Settings
from raysearch.spaces import space
from search_spaces import SPACES

# physics.md, section 3: lowest and highest value, or all choices.
RATE = (1e-4, 10**-0.1)
OF_NETWORKS = {
    "learning_rate": [1e-2, 5e-3, 1e-3, 5e-4, 1e-4],
    "batch_size": [64, 128, 256, 512, 1024, 2048, 5096],
    "dropout": [0, 0.1, 0.2, 0.3, 0.4, 0.5],
    "weight_decay": [0, 1e-5, 1e-4, 1e-3, 1e-2],
    "beta1": [0.8, 0.9, 0.95, 0.99],
}
PUBLISHED = {
    **{f"mlp/{name}": choices for name, choices in OF_NETWORKS.items()},
    **{f"piecewise_mlp/{name}": choices for name, choices in OF_NETWORKS.items()},
    # Published are 2 to 128 for embeddings that do not grow with the bins.
    "piecewise_mlp/bins": [2, 4, 8, 16, 32],
    "hgb/learning_rate": RATE,
    "hgb/max_iter": (2, 199),
    "hgb/max_leaf_nodes": (2, 99),
    "hgb/max_depth": (2, 14),
    "hgb/l2_regularization": (0, 10),
    "hgb/max_bins": (31, 254),
    "lightgbm/learning_rate": RATE,
    "lightgbm/max_iter": (2, 199),
    "lightgbm/max_leaf_nodes": (2, 99),
    "lightgbm/max_depth": (2, 14),
    "lightgbm/l2_regularization": (0, 10),
    "lightgbm/max_bins": (31, 254),
    "adaboost/learning_rate": RATE,
    "adaboost/n_estimators": (2, 99),
    "adaboost/max_depth": (2, 14),
    "adaboost/max_leaf_nodes": (2, 99),
    "adaboost/min_samples_leaf": (1, 99),
    # Not published: the trees are AdaBoost's, the number of them HGB's.
    "random_forest/n_estimators": (10, 199),
    "random_forest/max_depth": (2, 14),
    "random_forest/max_leaf_nodes": (2, 99),
    "random_forest/min_samples_leaf": (1, 99),
    "random_forest/max_features": (0.25, 1.0),
    "detector": ["mlp", "hgb", "adaboost"],
}


@pytest.fixture(scope="module")
def drawn():
    """Name of a space -> 40 random trials and what the space returned for them."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def of(function):
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
        trials = [study.ask() for _ in range(40)]
        return [(trial, function(trial)) for trial in trials]

    return {name: of(function) for name, function in SPACES.items()}


def bounds(distribution):
    if isinstance(distribution, optuna.distributions.CategoricalDistribution):
        return list(distribution.choices)
    return distribution.low, distribution.high


@pytest.mark.parametrize("name", SPACES)
class TestSpace:
    def test_it_has_the_published_ranges(self, name, drawn):
        found = {key: d for trial, _ in drawn[name] for key, d in trial.distributions.items()}
        assert {key: bounds(d) for key, d in found.items()} == {k: PUBLISHED[k] for k in found}

    def test_its_tree_learning_rates_are_logarithmic(self, name, drawn):
        found = {key: d for trial, _ in drawn[name] for key, d in trial.distributions.items()}
        rates = [d for k, d in found.items() if k.endswith("learning_rate") and "mlp" not in k]
        assert all(distribution.log for distribution in rates)

    def test_its_detector_knows_every_parameter(self, name, drawn):
        for _, config in drawn[name]:
            check(config["detector"], config["parameters"])

    def test_names_begin_with_the_detector(self, name, drawn):
        for trial, config in drawn[name]:
            own = {key for key in trial.params if key != "detector"}
            assert own == {f"{config['detector']}/{key}" for key in config["parameters"]}

    def test_given_values_again_it_returns_the_same_setup(self, name, drawn):
        for trial, config in drawn[name]:
            assert replay(Settings(space=name), trial.params)[2:] == tuple(config.values())

    def test_its_detector_accepts_what_it_suggests(self, name, drawn):
        rows = toy_rows(250, 250, 25)
        for _, config in drawn[name][:4]:
            small = {"n_estimators": 3, "max_iter": 3}
            cut = {k: min(v, small.get(k, v)) for k, v in config["parameters"].items()}
            last = fitted(detector(config["detector"]), rows, two_members(500), cut, epochs=1)
            assert last.scores(rows.features).shape == (2, 500)

    def test_it_is_found_by_its_name(self, name):
        assert space(name) is SPACES[name]


def test_the_whole_space_reaches_every_detector(drawn):
    assert {config["detector"] for _, config in drawn["weak_supervision"]} == {
        "mlp",
        "hgb",
        "adaboost",
    }
