"""What the page says of a template that was sampled from a density."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from raysearch.report.tables import number

# So many standard errors from 0.5 the samples count as told apart.
_SIGNIFICANT = 3.0


def density_sentences(settings: Mapping[str, Any]) -> list[str]:
    """How densities were trained and what their checks found; empty where there was none."""
    found = settings.get("density") or {}
    return [s for features, density in found.items() for s in _sentences(features, density)]


def _sentences(features: str, density: Mapping[str, Any]) -> list[str]:
    check = density["check"]
    return [
        f"The template of {features} features was sampled from a density of the sidebands "
        f"({density['estimator']}), "
        f"trained on {number(density['training_events'])} events: {density['epochs']} epochs, "
        f"{density['cpu_seconds']:.1f} s of processor time in all.",
        *_chosen(density.get("attempts", ())),
        f"Its check: boosted trees tell its samples from {number(check['events'])} held-out "
        f"sideband events of the same masses with AUC {number(check['auc'], check['auc_error'])}. "
        + _verdict(check["auc"], check["auc_error"]),
    ]


def _chosen(attempts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Among which hyperparameters it was chosen; nothing where there was one set."""
    losses = [a["validation_loss"] for a in attempts if a["validation_loss"] is not None]
    if len(attempts) <= 1:
        return []
    best = next(a for a in attempts if a["validation_loss"] == min(losses))
    values = ", ".join(f"{name} {_short(value)}" for name, value in best["parameters"].items())
    first = attempts[0]["validation_loss"]
    return [
        f"It is the best of {len(attempts)} sets of hyperparameters by the loss of other sideband "
        f"events, {min(losses):.4f} ({values or 'the defaults'}); the worst has {max(losses):.4f}, "
        f"the first, which nothing was suggested for, "
        f"{'none that is finite' if first is None else format(first, '.4f')}."
    ]


def _short(value: int | float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3g}"


def _verdict(auc: float, error: float) -> str:
    if abs(auc - 0.5) < _SIGNIFICANT * error:
        return (
            "That is compatible with 0.5: they cannot be told apart, by this classifier and with "
            "these statistics."
        )
    return (
        "That is not 0.5: the samples differ from the sidebands, and a detector may take the same "
        "kind of difference in the signal region for a signal. A longer training, other "
        "hyperparameters (--cathode trials=10) or the other estimator may bring it closer to 0.5."
    )
