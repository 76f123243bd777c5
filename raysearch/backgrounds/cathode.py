"""CATHODE: the template is sampled from a density estimated in the sidebands.

References:
    Classifying Anomalies THrough Outer Density Estimation (Hallin et al., 2021), arXiv:2109.00546
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raysearch.backgrounds.base import Classes, Generated, check_data, inside
from raysearch.density import PLAIN, CathodeSettings, Conduct, Sidebands, draw_masses
from raysearch.density.estimators import Parameters
from raysearch.errors import InputError
from raysearch.events import Events
from raysearch.regions import Window
from raysearch.samples import Pools
from raysearch.seeds import generator, number

if TYPE_CHECKING:
    from raysearch.density.choice import Choice
    from raysearch.density.fit import Density

# Below, the fifth that validates is too small to stop a training of thousands of weights by.
MIN_PER_SIDE = 500
# Shares of the sideband events that train and that choose the epochs; the rest is held out.
TRAINING_SHARE, VALIDATION_SHARE = 0.6, 0.2


class _Parts(NamedTuple):
    training: Events
    validation: Events
    held_out: Events


@dataclass(frozen=True)
class Cathode:
    """Signal-region data against samples of p(x | mjj), interpolated from the sidebands.

    The density sees all data outside the signal region, within the range of the settings: the
    tail of an injected signal too, as in an experiment.

    Attributes:
        settings: of the density and of the sampling.
        seed: of the study.
        conduct: of the training of its densities.
    """

    settings: CathodeSettings = field(default_factory=CathodeSettings)
    seed: int = 0
    conduct: Conduct = PLAIN
    name: str = "cathode"
    needs_template: bool = False
    takes_template: bool = False
    needs_truth: bool = False
    generates: bool = True

    def classes(self, pools: Pools, region: Window, sideband_tev: float) -> Classes:
        """Data and samples; trains the density first. See `Background.classes`."""
        data, parts = self._checked(pools, region)
        kind, n_events = self.settings.estimator, len(parts.training)
        self.conduct.say(f"training the density ({kind}) on {n_events} sideband events")
        choice, held_out = self._fitted(parts), parts.held_out
        density = choice.density
        check = density.sample(held_out.mjj_tev, number(self.seed, "density", "check"))
        generated = Generated(check, held_out, {"training_events": n_events, **choice.about()})
        return Classes(data, self._template(density, data, region), generated)

    def training_events(self, pools: Pools, region: Window) -> Events:
        """The events that the density would learn from; checks what `classes` checks."""
        return self._checked(pools, region)[1].training

    def _checked(self, pools: Pools, region: Window) -> tuple[Events, _Parts]:
        if pools.template is not None:
            raise InputError(
                "mode 'cathode' samples its template from a density of the sidebands, but a "
                "template was given; leave --template out or use --mode idealised."
            )
        self.settings.check_region(region)
        data = inside(pools.data, region)
        check_data(data, region)
        parts = _divided(pools.data, region, self.settings.range_tev, self.seed)
        self._sets()  # nothing to suggest is refused before any training
        return data, parts

    def _sets(self) -> list[Parameters]:
        from raysearch.density.sets import suggested_sets  # Optuna takes a while to import

        return suggested_sets(self.settings, self.seed)

    def _fitted(self, parts: _Parts) -> Choice:
        from raysearch.density.choice import choose_density  # who trains waits for torch

        return choose_density(
            Sidebands(parts.training, parts.validation),
            self.settings.estimator,
            self._sets(),
            number(self.seed, "density"),
            self.conduct,
        )

    def _template(self, density: Density, data: Events, region: Window) -> Events:
        masses = draw_masses(
            data.mjj_tev,
            self.settings.oversampling * len(data),
            self.settings.bandwidth_tev,
            region,
            generator(self.seed, "density", "masses"),
        )
        return density.sample(masses, number(self.seed, "density", "template"))


def _divided(data: Events, region: Window, range_tev: tuple[float, float], seed: int) -> _Parts:
    """Training, validation and held-out events of the sidebands, at random."""
    lower, upper = (
        Window(range_tev[0], region.low_tev),
        Window(region.high_tev, range_tev[1]),
    )
    below, above = lower.contains(data.mjj_tev), upper.contains(data.mjj_tev)
    for name, side, members in (("below", lower, below), ("above", upper, above)):
        _check_side(name, side, int(np.count_nonzero(members)))
    rows = generator(seed, "density", "split").permutation(np.flatnonzero(below | above))
    train, validate = round(TRAINING_SHARE * len(rows)), round(VALIDATION_SHARE * len(rows))
    edges = np.split(rows, [train, train + validate])
    return _Parts(*(data.take(np.sort(part)) for part in edges))


def _check_side(name: str, side: Window, found: int) -> None:
    if found < MIN_PER_SIDE:
        raise InputError(
            f"mode 'cathode' needs at least {MIN_PER_SIDE} data events in each sideband, but the "
            f"one {name} the signal region ({side.low_tev}-{side.high_tev} TeV) has {found}; give "
            "more events, another --signal-region, or use --mode cwola."
        )
