"""From inputs and settings to the two samples that trials of one mode and feature set share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from raysearch.backgrounds import (
    Background,
    Cathode,
    Classes,
    Generated,
    background,
    divide,
    inside,
    join,
)
from raysearch.density import PLAIN, Conduct
from raysearch.errors import InputError
from raysearch.events import Events, concatenate
from raysearch.events.surrogate import COLUMNS, log_likelihood_ratio
from raysearch.features import Variation, fit_variation
from raysearch.inputs import Inputs, for_mode
from raysearch.metrics import MIN_BACKGROUND
from raysearch.objectives import objective
from raysearch.progress import Say
from raysearch.regions import set_aside
from raysearch.samples import Pools, TwoSample, View
from raysearch.seeds import generator
from raysearch.separability import separability
from raysearch.settings import Settings


@dataclass(frozen=True, eq=False)
class Prepared:
    """The sample of one mode and feature set.

    Attributes:
        sample: what the trials see.
        counts: how many events are what.
        variation: what made the detectors' inputs of the columns.
        generated: the template, where it was generated, to be kept for a resumed study.
        density: how the template was generated and how good it is; None where it was not
            generated, or was given.
    """

    sample: TwoSample
    counts: dict[str, Any]
    variation: Variation
    generated: Events | None
    density: Mapping[str, Any] | None


@dataclass(frozen=True, eq=False)
class PreparedStudy:
    """The samples of a study.

    They have the same data in the same order, the same of it in either half and among the verdict
    rows, and the same test events. Those of one mode have the same template rows, too, unless it is
    generated: of each feature set there is a density then.

    Attributes:
        views: by mode and feature set.
        optimal: (m,) exact log likelihood ratio of the test events, where it is known.
    """

    views: Mapping[View, Prepared]
    optimal: NDArray[np.float64] | None

    @property
    def samples(self) -> dict[View, TwoSample]:
        """What the trials see."""
        return {view: prepared.sample for view, prepared in self.views.items()}

    @property
    def variations(self) -> dict[View, Variation]:
        """What made the detectors' inputs."""
        return {view: prepared.variation for view, prepared in self.views.items()}

    @property
    def counts(self) -> dict[str, dict[str, Any]]:
        """How many events are what, by mode."""
        return {view.mode: prepared.counts for view, prepared in self.views.items()}

    @property
    def densities(self) -> dict[str, Mapping[str, Any]]:
        """How generated templates were made and how good they are, by feature set."""
        each = ((view.features, prepared.density) for view, prepared in self.views.items())
        return {features: density for features, density in each if density is not None}

    @property
    def generated(self) -> dict[str, Events]:
        """Templates that were generated, by feature set."""
        each = ((view.features, prepared.generated) for view, prepared in self.views.items())
        return {features: events for features, events in each if events is not None}


def prepare_study(
    inputs: Inputs,
    settings: Settings,
    *,
    generated: Mapping[str, Events] = MappingProxyType({}),
    conduct: Conduct = PLAIN,
) -> PreparedStudy:
    """The samples of all modes and feature sets of a study; see `prepare`.

    Args:
        inputs: the events.
        settings: of the study.
        generated: templates that an earlier call generated, by feature set.
        conduct: of the training of densities.

    Raises:
        InputError: as `prepare`.
        KeyboardInterrupt: as `prepare`.
    """
    divided = {mode: _divided(inputs, mode, settings) for mode in settings.mode}
    views = {
        view: _prepared(divided[view.mode], settings, view, generated.get(view.features), conduct)
        for view in settings.views
    }
    test = divided[settings.mode[0]].usable.test
    return PreparedStudy(views, _optimal(test, settings) if inputs.is_surrogate else None)


def prepare(
    inputs: Inputs,
    settings: Settings,
    view: View,
    *,
    generated: Events | None = None,
    conduct: Conduct = PLAIN,
) -> Prepared:
    """Divide, inject and build the sample of a view; trains the density of mode "cathode".

    Args:
        inputs: the events.
        settings: of the study.
        view: mode and feature set.
        generated: the template that an earlier call generated, so that nothing is trained.
        conduct: of the training of a density.

    Raises:
        InputError: if the inputs do not allow the mode, the injection or the objective.
        KeyboardInterrupt: if its `halt` ended it, as Ctrl-C does.
    """
    return _prepared(_divided(inputs, view.mode, settings), settings, view, generated, conduct)


class _Divided(NamedTuple):
    """The events of a mode, and those of them that a study can use."""

    pools: Pools
    usable: Pools


def _prepared(
    divided: _Divided, settings: Settings, view: View, generated: Events | None, conduct: Conduct
) -> Prepared:
    mode, usable = _mode(view.mode, settings, conduct), divided.usable
    variation = fit_variation(view.features, _standard(mode, usable, settings), settings.seed)
    varied = _varied(usable, variation)
    classes = _classes(mode, varied, settings, generated)
    sample = _with_verdict(join(classes, varied.test, settings.region), mode, settings)
    return Prepared(
        sample,
        _counts(sample, divided.pools, settings),
        variation,
        classes.template if mode.generates else None,
        None if classes.generated is None else _quality(classes.generated, settings, conduct.say),
    )


class Rehearsal(NamedTuple):
    """What `prepare` would make.

    Attributes:
        sample: as large as the true one.
        learned: the events that a density would learn from; None if none is trained.
    """

    sample: TwoSample
    learned: Events | None


def rehearse(inputs: Inputs, settings: Settings, view: View) -> Rehearsal:
    """What `prepare` would make, but nothing is trained.

    Events of the sidebands, repeated, stand in for a template that would have to be generated.

    Raises:
        InputError: as `prepare`.
    """
    mode = _mode(view.mode, settings, PLAIN)
    usable = _divided(inputs, view.mode, settings).usable
    standard = _standard(mode, usable, settings)
    varied = _varied(usable, fit_variation(view.features, standard, settings.seed))
    if not isinstance(mode, Cathode):
        classes = _classes(mode, varied, settings, None)
        return Rehearsal(join(classes, varied.test, settings.region), None)
    learned = mode.training_events(varied, settings.region)
    data = inside(varied.data, settings.region)
    rows = np.arange(settings.cathode.oversampling * len(data)) % len(learned)
    stand_in = Classes(data, learned.take(rows))
    return Rehearsal(join(stand_in, varied.test, settings.region), learned)


def _with_verdict(sample: TwoSample, mode: Background, settings: Settings) -> TwoSample:
    """The sample with the rows that nothing is chosen by.

    Of data, which stand first and are drawn first, they are the same in every mode. Where the
    classes are true labels there is no question for them to answer.
    """
    share = 0.0 if mode.needs_truth else settings.verdict_share
    rng = generator(settings.seed, "verdict")
    return replace(sample, verdict=set_aside(sample.rows.is_data, share, rng))


def _mode(name: str, settings: Settings, conduct: Conduct) -> Background:
    if name == Cathode.name:
        return Cathode(settings.cathode, settings.seed, conduct)
    return background(name)


def _standard(mode: Background, pools: Pools, settings: Settings) -> Events:
    """The events whose mean and width standardise the columns: both classes alike.

    They are what trains and chooses, so that a verdict row's inputs do not depend on its class; of
    a generated template, which is of standardised columns itself, what it is learned from.
    """
    if isinstance(mode, Cathode):
        return mode.training_events(pools, settings.region)
    classes = mode.classes(pools, settings.region, settings.sideband_width_tev)
    sample = _with_verdict(join(classes, None, settings.region), mode, settings)
    both = concatenate([classes.data.without_labels(), classes.template.without_labels()])
    return both.take(sample.deciding)


def _varied(pools: Pools, variation: Variation) -> Pools:
    """The pools with a detector's inputs instead of columns."""
    template, test = (
        None if events is None else variation.apply(events, place)
        for events, place in ((pools.template, "template"), (pools.test, "test"))
    )
    return Pools(variation.apply(pools.data, "data"), pools.truth, template, test)


def _classes(
    mode: Background, pools: Pools, settings: Settings, generated: Events | None
) -> Classes:
    if generated is not None and mode.generates:
        return Classes(inside(pools.data, settings.region), generated)
    return mode.classes(pools, settings.region, settings.sideband_width_tev)


def _quality(generated: Generated, settings: Settings, say: Say) -> Mapping[str, Any]:
    """How the density was trained, and how well a classifier tells its samples from events."""
    found = separability(generated.held_out, generated.samples, settings.seed)
    about = generated.about
    say(
        f"density trained in {about['cpu_seconds']} s of processor time in all; "
        f"a classifier tells its samples from held-out sidebands with AUC {found.value:.4f} +- "
        f"{found.error:.4f}"
    )
    check = {"auc": found.value, "auc_error": found.error, "events": len(generated.held_out)}
    return {"estimator": settings.cathode.estimator, **about, "check": check}


def _divided(inputs: Inputs, mode: str, settings: Settings) -> _Divided:
    given = for_mode(inputs, mode)
    pools = divide(
        given.events,
        given.template,
        given.test,
        background(mode),
        settings.region,
        settings.n_signal,
        settings.seed,
        aside=given.shares_template,
    )
    return _Divided(pools, _usable(pools, settings))


def _usable(pools: Pools, settings: Settings) -> Pools:
    """Without a test set that no supervised metric can be computed on, unless one is needed."""
    test = pools.test
    if test is not None and test.labels is not None:
        n_signal = int(np.count_nonzero(test.labels))
        if n_signal and len(test) - n_signal > MIN_BACKGROUND:
            return pools
    if objective(settings.objective).supervised:
        raise InputError(
            f"objective {settings.objective!r} needs labelled test events of signal and more than "
            f"{MIN_BACKGROUND} background events in the signal region; give "
            "--test FILE, inject fewer signal events, or choose val_sic."
        )
    return Pools(pools.data, pools.truth, pools.template, None)


def _optimal(test: Events | None, settings: Settings) -> NDArray[np.float64] | None:
    if test is None or not set(COLUMNS) <= set(test.columns):
        return None
    return log_likelihood_ratio(test, settings.signal_region_tev)


def _counts(sample: TwoSample, pools: Pools, settings: Settings) -> dict[str, Any]:
    n_data = int(np.count_nonzero(sample.rows.is_data))
    counts = {"data": n_data, "template": len(sample.mjj_tev) - n_data}
    if len(sample.verdict):
        counts["verdict"] = len(sample.verdict)
    if pools.truth is not None:
        inside = settings.region.contains(pools.data.mjj_tev)
        counts["injected"] = int(np.count_nonzero(pools.truth))
        counts["injected_in_signal_region"] = int(np.count_nonzero(pools.truth & inside))
    if sample.test_is_signal is not None:
        counts["test_signal"] = int(np.count_nonzero(sample.test_is_signal))
        counts["test_background"] = len(sample.test_is_signal) - counts["test_signal"]
    return counts
