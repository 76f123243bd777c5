"""A search space whose trials fail in every way a trial can fail by itself."""

import os


def space(trial):
    """Good, raising, diverging, unknown and unsuggestable setups in turn."""
    kind = trial.suggest_categorical("kind", ["good", "raises", "nan", "unknown"])
    if trial.suggest_float("rare", 0, 1) > float(os.environ.get("RARE", "1")):
        raise KeyError("a rare branch")
    if kind == "raises":
        return {"detector": "hgb", "parameters": {"max_bins": 1}}
    if kind == "unknown" and "RARE" in os.environ:
        return {"detector": "hgbt", "parameters": {}}
    if kind == "nan":
        return {"detector": "mlp", "parameters": {"learning_rate": 1e30, "batch_size": 512}}
    return {"detector": "hgb", "parameters": {"max_iter": 5}}


def mortal(trial):
    """Setups that take long enough to be killed."""
    leaves = trial.suggest_int("leaves", 31, 255)
    return {"detector": "hgb", "parameters": {"max_iter": 1500, "max_leaf_nodes": leaves}}


def small_networks(trial):
    """Networks of two shapes, some of which diverge."""
    rate = trial.suggest_categorical("rate", [1e-3, 1e-2, 1e30])
    width = trial.suggest_categorical("width", [8, 16])
    batch_size = trial.suggest_categorical("batch_size", [100, 200])
    parameters = {"learning_rate": rate, "width": width, "batch_size": batch_size}
    return {"detector": "mlp", "parameters": {**parameters, "layers": 1}}


def quick(trial):
    """Setups of a moment, of which some raise."""
    bins = trial.suggest_int("bins", 1, 8)
    rate = trial.suggest_float("rate", 0.01, 0.5)
    parameters = {"max_iter": 4, "max_bins": bins, "learning_rate": rate}
    return {"detector": "hgb", "parameters": parameters}


def endless(trial):
    """Setups of a moment, but for some that take hours."""
    bins = trial.suggest_int("bins", 2, 8)
    if bins > 6:
        return {"detector": "random_forest", "parameters": {"n_estimators": 10**6}}
    return {"detector": "hgb", "parameters": {"max_iter": 4, "max_bins": bins}}


def lasting(trial):
    """Setups that take some seconds of which one can be robbed."""
    leaves = trial.suggest_int("leaves", 31, 63)
    return {"detector": "hgb", "parameters": {"max_iter": 400, "max_leaf_nodes": leaves}}
