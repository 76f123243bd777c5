"""Which hyperparameters matter: fANOVA on the trials, one detector at a time.

References:
    An Efficient Approach for Assessing Hyperparameter Importance (Hutter et al., 2014)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import optuna
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from raysearch.quiet import quiet_optuna
from raysearch.report.contents import NotAvailable, ReportContents
from raysearch.report.looks import look
from raysearch.report.style import GREY, detector_style, new_figure
from raysearch.report.trials import (
    Parameter,
    detectors,
    parameters,
    principal,
    robust_limits,
    valued,
    values,
)

# With fewer trials of a detector a forest has nothing to learn from.
FEWEST = 6


def importance(contents: ReportContents) -> Figure:
    """Share of the objective's variance that each hyperparameter explains, per detector."""
    name = principal(contents)
    trials = valued(contents, name)
    known = detectors(contents.trials).tolist()
    panels = dict(_panels(trials, name))
    if not panels:
        raise NotAvailable(
            f"no detector has {FEWEST} complete trials with varying parameters and {name}."
        )
    sizes = [len(shares) for shares in panels.values()]
    figure = new_figure(7.2, 0.9 + 0.36 * sum(sizes) + 0.45 * len(sizes))
    grid = figure.add_gridspec(len(sizes), 1, height_ratios=[n + 0.6 for n in sizes])
    for place, (title, shares) in enumerate(panels.items()):
        axes = figure.add_subplot(grid[place])
        colour = detector_style(title, known)["color"] if title in known else GREY
        _draw(axes, title, shares, colour, last=place == len(sizes) - 1)
    figure.axes[-1].set_xlabel(f"share of the variance of {look(name).label} explained")
    return figure


def share_of_choice(groups: NDArray[np.str_], objective: NDArray[np.float64]) -> float | None:
    """Share of the variance that lies between groups; None where nothing varies.

    Example:
        >>> share_of_choice(np.array(["a", "a", "b", "b"]), np.array([1.0, 1.0, 3.0, 3.0]))
        1.0
    """
    if len(set(groups.tolist())) < 2 or np.ptp(objective) == 0:
        return None
    total = float(np.sum((objective - objective.mean()) ** 2))
    means = {g: objective[groups == g].mean() for g in set(groups.tolist())}
    between = sum((means[g] - objective.mean()) ** 2 for g in groups.tolist())
    return float(between / total)


def importances(found: list[Parameter], objective: NDArray[np.float64]) -> Mapping[str, float]:
    """Share by fANOVA per parameter, the largest first; equal inputs give equal shares."""
    # Imports scikit-learn, for which a study of few trials should not wait.
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    distributions = {p.name: _distribution(p) for p in found}
    with quiet_optuna():
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        for row, value in enumerate(objective):
            params = {p.name: p.values[row] for p in found}
            trial = optuna.create_trial(
                params=params, distributions=distributions, value=float(value)
            )
            study.add_trial(trial)
        evaluator = FanovaImportanceEvaluator(n_trees=32, seed=0)
        shares = get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in shares.items()}


def _panels(trials: pa.Table, name: str) -> Iterator[tuple[str, Mapping[str, float]]]:
    groups = detectors(trials)
    objective = np.clip(values(trials, name), *robust_limits(values(trials, name)))
    between = share_of_choice(groups, objective)
    if between is not None:
        yield "all trials", {"detector": between}
    for detector in sorted(set(groups.tolist())):
        found, own = parameters(trials, detector), objective[groups == detector]
        if found and len(own) >= FEWEST and np.ptp(own) > 0:
            yield detector, importances(found, own)


def _draw(axes: Axes, title: str, shares: Mapping[str, float], colour: str, *, last: bool) -> None:
    names = [name.replace("_", " ") for name in shares][::-1]
    lengths = list(shares.values())[::-1]
    axes.barh(names, lengths, color=colour, height=0.65)
    for place, length in enumerate(lengths):
        axes.text(length + 0.01, place, f"{length:.2f}", va="center", fontsize=10)
    axes.set(xlim=(0, 1.1), ylim=(-0.6, len(names) - 0.4))
    axes.set_title(title, loc="left", fontsize=12)
    axes.tick_params(axis="y", which="both", length=0)
    axes.tick_params(axis="x", labelbottom=last)
    axes.minorticks_off()


def _distribution(parameter: Parameter) -> BaseDistribution:
    if not parameter.is_numeric:
        return CategoricalDistribution(sorted(set(parameter.values), key=str))
    low, high = min(parameter.values), max(parameter.values)
    if all(isinstance(value, int) for value in parameter.values):
        return IntDistribution(low, high, log=parameter.is_log)
    return FloatDistribution(low, high, log=parameter.is_log)
