"""How often a study prefers something where there is nothing, and where there is.

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_preference.py [STUDIES] [N_SIGNAL ...]

Each study is a search in one process on surrogate events of its own, 10k data and 10k template:
eight random HGB setups of two repeats, the best five retrained, their preference by permutations.
"""

from __future__ import annotations

import sys

import numpy as np
import optuna
from scipy import stats

from raysearch import Setup, run_trial, surrogate_events
from raysearch.benchmarks.measurement import one_thread
from raysearch.objectives import VAL_SIC
from raysearch.preference import ALARM_RATE
from raysearch.recommend import MEMBERS, Contender, best_trials, recommend
from raysearch.records import Record
from raysearch.refit import combine, final_members, refit
from raysearch.samples import Rows, TwoSample
from search_spaces import SPACES

SPACE, TRIALS, REPEATS, ROWS = "hgb", 8, 2, 10_000
REGION_TEV = (3.3, 3.7)


def sample_of(study: int, n_signal: int) -> TwoSample:
    """Data and template of one study, and no test events."""
    data = surrogate_events(ROWS - n_signal, n_signal, 2 * study, REGION_TEV)
    template = surrogate_events(ROWS, 0, 2 * study + 1, REGION_TEV)
    features = np.concatenate([data.features, template.features])
    mjj = np.concatenate([data.mjj_tev, template.mjj_tev])
    return TwoSample(Rows(features, np.arange(2 * ROWS) < ROWS), mjj, data.columns)


def p_value(study: int, n_signal: int) -> float:
    """The preference's p of one study, from the search to the permutations."""
    sample = sample_of(study, n_signal)
    sampler = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=study))
    setups, records = [], {}
    for index in range(TRIALS):
        parameters = SPACES[SPACE](sampler.ask())["parameters"]
        setups.append(Setup("idealised", "baseline", SPACE, parameters))
        found = run_trial(setups[-1], sample, repeats=REPEATS, seed=study, index=index)
        metrics = {name: values.tolist() for name, values in found.values.items()}
        records[index] = {}, Record("COMPLETE", metrics, 1, found.seconds, None, SPACE)
    contenders = []
    for index in best_trials(records):
        members = final_members(sample.rows.is_data, MEMBERS, study, index)
        part = refit(setups[index], sample, members, VAL_SIC)
        contenders.append(Contender(index, setups[index], combine(setups[index], [part])))
    return recommend(contenders, sample, study).preference.p_value


def main() -> None:
    """Print the rate of preferences for each number of signal events."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    studies, *signals = map(int, sys.argv[1:] or ["200", "0"])
    with one_thread():
        for n_signal in signals or [0]:
            p = np.array([p_value(study, n_signal) for study in range(studies)])
            clear = int((p <= ALARM_RATE).sum())
            low, high = stats.binomtest(clear, studies).proportion_ci(0.68)
            ks = stats.kstest(p, "uniform").pvalue
            print(
                f"{n_signal} signal events: {clear} of {studies} studies prefer something, "
                f"{clear / studies:.3f} ({low:.3f}-{high:.3f}) at a stated {ALARM_RATE}; "
                f"median p {np.median(p):.3f}, KS p of uniformity {ks:.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
