"""Which hyperparameters a density has: of several sets the one with the least validation loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from raysearch.density.conduct import PLAIN, Conduct, Fit, Sidebands, one_after_another
from raysearch.density.estimators import Halt, Parameters, Say
from raysearch.density.fit import Density, fit_density
from raysearch.density.training import DivergedError
from raysearch.threads import one_thread


class Attempt(NamedTuple):
    """A set of hyperparameters that was tried.

    Attributes:
        parameters: of the estimator, those that were given or suggested.
        validation_loss: the lowest of all epochs; None if none was finite.
        cpu_seconds: of processor time; None likewise.
    """

    parameters: Parameters
    validation_loss: float | None
    cpu_seconds: float | None


class Choice(NamedTuple):
    """The density that is sampled, and what it was chosen among.

    Attributes:
        density: of the least validation loss.
        attempts: all, in the order of their suggestion.
    """

    density: Density
    attempts: tuple[Attempt, ...]

    def about(self) -> Mapping[str, Any]:
        """How the training went, in plain values; the processor time is that of all finite ones."""
        seconds = [attempt.cpu_seconds or 0.0 for attempt in self.attempts]
        return {
            **self.density.about(),
            "cpu_seconds": round(sum(seconds), 1),
            "attempts": [
                {**attempt._asdict(), "parameters": dict(attempt.parameters)}
                for attempt in self.attempts
            ],
        }


def choose_density(
    parts: Sidebands,
    kind: str,
    sets: Sequence[Parameters],
    seed: int,
    conduct: Conduct = PLAIN,
) -> Choice:
    """Train a density by every set of hyperparameters, and keep the best.

    The validation events decide alone: neither held-out sidebands, which check the choice, nor the
    signal region have a part in it. A single set may use all cores; each of several has one, so
    that its sums come out the same wherever it runs.

    Args:
        parts: sideband events.
        kind: name of the estimator; losses of two do not compare.
        sets: at least one; see `raysearch.density.sets`.
        seed: of first weights, order and noise, the same for all sets.
        conduct: of all trainings.

    Raises:
        InputError: as `fit_density`.
        KeyboardInterrupt: as `fit_density`.
        DivergedError: if no set has a finite validation loss.
    """
    fits: list[Fit] = [partial(_fitted, kind, own, seed) for own in sets]
    say, halt, run = conduct
    if len(fits) > 1:
        fits = [partial(_on_one_thread, fit) for fit in fits]
    found = (run if len(fits) > 1 else one_after_another)(fits, parts, say, halt)
    best: Density | None = None
    attempts = []
    for own, density in zip(sets, found, strict=True):
        attempts.append(_attempt(own, density))
        loss = attempts[-1].validation_loss
        if len(sets) > 1:
            said = "diverged" if loss is None else f"validation loss {loss:.4f}"
            say(f"density {len(attempts)}/{len(sets)}: {said}")
        if density is not None and (best is None or density.validation_loss < best.validation_loss):
            best = density
    if best is None:
        raise DivergedError(
            f"the validation loss must be finite in some epoch, but is in none of {len(sets)} sets "
            "of hyperparameters; give a lower learning_rate, or take the other estimator."
        )
    return Choice(best, tuple(attempts))


def _fitted(
    kind: str, own: Parameters, seed: int, parts: Sidebands, say: Say, halt: Halt
) -> Density | None:
    """A density, or None where every loss was infinite."""
    try:
        return fit_density(*parts, kind, own, seed, say, halt)
    except DivergedError:
        return None


def _on_one_thread(fit: Fit, parts: Sidebands, say: Say, halt: Halt) -> Density | None:
    with one_thread():
        return fit(parts, say, halt)


def _attempt(own: Parameters, density: Density | None) -> Attempt:
    if density is None:
        return Attempt(own, None, None)
    return Attempt(own, density.validation_loss, round(density.trained.seconds, 1))
