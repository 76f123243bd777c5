"""The power of the test as the objective of trials: Optuna suggests what might find signal better.

References:
    Algorithms for hyper-parameter optimization (Bergstra et al., 2011): TPE
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import optuna
from optuna.trial import BaseTrial

from raysearch.nplm import rules
from raysearch.nplm.candidates import Candidate
from raysearch.nplm.pool import Pool
from raysearch.nplm.power import Power, pool_of
from raysearch.nplm.question import Question
from raysearch.nplm.settings import NplmSettings
from raysearch.quiet import quiet_optuna
from raysearch.seeds import number
from raysearch.tuning.samplers import IndexSeededSampler

# Suggestions that are judged at a time: enough toys for a cluster, and often enough to learn.
ROUND = 10
# Of the width that the rule gives, and of the fewest centres that it allows.
_WIDTHS, _MOST_CENTRES = (0.1, 2.0), 4


def rounds(question: Question, powers: Sequence[Power]) -> Iterator[list[Candidate]]:
    """Candidates that are judged together, round by round: those that are given, then suggestions.

    Rounds are as large whatever the cluster is, and their powers are told in order: what is
    suggested follows from the seed, not from which toys came first.

    Args:
        question: whose candidates they are.
        powers: of all candidates so far; the caller adds those of a round to them.
    """
    settings = question.settings
    if settings.select:
        yield list(settings.select)
    study = _study(settings)
    for start in range(0, settings.select_trials, ROUND):
        asked = [study.ask() for _ in range(min(ROUND, settings.select_trials - start))]
        yield [suggested(trial, question) for trial in asked]
        for trial, power in zip(asked, powers[-len(asked) :], strict=True):
            study.tell(trial, power.z)


def suggested(trial: BaseTrial, question: Question) -> Candidate:
    """A candidate: columns, and of the kernel what the test leaves open.

    The width is suggested as a factor of the rule's for these columns: it then means the same for
    few columns and for many.
    """
    candidate = Candidate(_columns(trial, question))
    if not question.chooses_kernel:
        return candidate
    pool = pool_of(question.with_candidate(candidate))
    if not question.settings.sigmas:
        factor = trial.suggest_float("width", *_WIDTHS, log=True)
        width = factor * rules.kernel_width(pool.points, pool.weights).value
        candidate = candidate._replace(sigmas=(width,))
    if question.settings.centres is None:
        centres = trial.suggest_int("centres", *_centres(pool), log=True)
        candidate = candidate._replace(centres=centres)
    return candidate


def _columns(trial: BaseTrial, question: Question) -> tuple[str, ...]:
    """Some columns; none chosen stands for all."""
    names = question.points["data"].columns if question.chooses_columns else ()
    return tuple(n for n in names if trial.suggest_categorical(f"column {n}", [True, False]))


def _centres(pool: Pool) -> tuple[int, int]:
    fewest = math.ceil(math.sqrt(pool.n_reference + pool.n_data))
    return fewest, min(_MOST_CENTRES * fewest, pool.n_reference)


def _study(settings: NplmSettings) -> optuna.Study:
    sampler = IndexSeededSampler("tpe", number(settings.seed, "nplm suggestions"))
    with quiet_optuna():
        return optuna.create_study(direction="maximize", sampler=sampler)
