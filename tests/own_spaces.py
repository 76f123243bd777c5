"""Search spaces of one's own, good and bad."""


def good(trial):
    iterations = trial.suggest_int("hgb/max_iter", 2, 5)
    return {"detector": "hgb", "parameters": {"max_iter": iterations}}


def small_trees(trial):
    iterations = trial.suggest_int("hgb/max_iter", 2, 5)
    rate = trial.suggest_float("hgb/learning_rate", 0.05, 0.5)
    return {"detector": "hgb", "parameters": {"max_iter": iterations, "learning_rate": rate}}


def unknown_detector(trial):
    return {"detector": "hbg", "parameters": {}}


def unknown_parameter(trial):
    return {"detector": "hgb", "parameters": {"max_iters": 3}}


def seldom_wrong(trial):
    bad = trial.suggest_int("n", 0, 4) == 4
    return {"detector": "hgb", "parameters": {"learn_rate": 1.0} if bad else {}}


def no_dict(trial):
    return "hgb"


def incomplete(trial):
    return {"detector": "hgb"}


def broken(trial):
    raise KeyError("max_iter")


not_a_function = 3


def taken(trial):
    trial.suggest_categorical("mode", ["fast", "slow"])
    return {"detector": "hgb", "parameters": {}}
