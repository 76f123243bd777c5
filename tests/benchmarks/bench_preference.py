"""How often a study prefers something where there is nothing, and where there is.

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_preference.py [FIRST LAST [N_SIGNAL ...]]

Each study, numbered FIRST to LAST - 1, has surrogate events of its own, 10k data and 10k template:
eight random HGB setups of two repeats on the deciding rows, then the best five asked through the
verdict rows. Their final ensembles are left out, which have no part in the verdict. Ranges may run
side by side: all that is printed but the CPU time are counts, which add up.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import optuna

from raysearch import Setup, run_trial, surrogate_events
from raysearch.objectives import VAL_SIC
from raysearch.preference import ALARM_RATE, Preference
from raysearch.recommend import ask, best_trials
from raysearch.records import Record
from raysearch.regions import set_aside
from raysearch.samples import Rows, TwoSample
from raysearch.seeds import generator
from raysearch.settings import Settings
from raysearch.threads import one_thread
from raysearch.verdict import joined, retrain, verdict_members
from search_spaces import SPACES

SPACE, TRIALS, REPEATS, ROWS = "hgb", 8, 2, 10_000
REGION_TEV = (3.3, 3.7)


def sample_of(study: int, n_signal: int) -> TwoSample:
    """Data and template of one study, its verdict rows, and no test events."""
    data = surrogate_events(ROWS - n_signal, n_signal, 2 * study, REGION_TEV)
    template = surrogate_events(ROWS, 0, 2 * study + 1, REGION_TEV)
    features = np.concatenate([data.features, template.features])
    mjj = np.concatenate([data.mjj_tev, template.mjj_tev])
    is_data = np.arange(2 * ROWS) < ROWS
    verdict = set_aside(is_data, Settings.verdict_share, generator(study, "verdict"))
    return TwoSample(Rows(features, is_data), mjj, data.columns, verdict=verdict)


def verdict_of(study: int, n_signal: int) -> Preference:
    """The preference of one study, from the search to the permutations."""
    sample = sample_of(study, n_signal)
    sampler = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=study))
    setups, records = [], {}
    for index in range(TRIALS):
        parameters = SPACES[SPACE](sampler.ask())["parameters"]
        setups.append(Setup("idealised", "baseline", SPACE, parameters))
        found = run_trial(setups[-1], sample, repeats=REPEATS, seed=study, index=index)
        metrics = {name: values.tolist() for name, values in found.values.items()}
        records[index] = {}, Record("COMPLETE", metrics, 1, found.seconds, None, SPACE)
    verdicts = []
    for index in best_trials(records, Settings()):
        asked = verdict_members(sample, study, index)
        verdicts.append(joined([retrain(setups[index], sample, [], VAL_SIC, asked).opinion]))
    return ask(verdicts, sample, study)


def main() -> None:
    """Print the number of preferences for each number of signal events."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    first, last, *signals = map(int, sys.argv[1:] or ["0", "200"])
    with one_thread():
        for n_signal in signals or [0]:
            began = time.process_time()
            p = np.array([verdict_of(study, n_signal).p_value for study in range(first, last)])
            cpu_s = (time.process_time() - began) / len(p)
            # Right edges belong to their bin, as a p of exactly the rate is a preference.
            tenths = np.bincount(np.ceil(10 * p).astype(int), minlength=11)[1:]
            print(
                f"{n_signal} signal events, studies {first} to {last - 1}: "
                f"{int((p <= ALARM_RATE).sum())} of {len(p)} prefer something at a stated "
                f"{ALARM_RATE:g}; p in tenths {tenths.tolist()}; {cpu_s:.1f} CPU s a study",
                flush=True,
            )


if __name__ == "__main__":
    main()
