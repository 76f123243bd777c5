"""Supervised, idealised and CWoLa hunting, which need no density estimate; and all modes by name.

References:
    How to pick the best anomaly detector? (Hein et al., 2025), arXiv:2511.14832
    Classification without labels (Metodiev, Nachman, Thaler, 2017), arXiv:1708.02949
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from raysearch.backgrounds.base import Background, Classes, inside
from raysearch.backgrounds.cathode import Cathode
from raysearch.errors import InputError, unknown_name
from raysearch.events import concatenate
from raysearch.regions import Window, sidebands
from raysearch.samples import Pools, View


@dataclass(frozen=True)
class Supervised:
    """Injected signal against all background of the signal region: the upper reference."""

    name: str = "supervised"
    needs_template: bool = False
    takes_template: bool = True
    needs_truth: bool = True
    generates: bool = False

    def classes(self, pools: Pools, region: Window, sideband_tev: float) -> Classes:
        """True signal and true background; see `Background.classes`."""
        if pools.truth is None:
            raise InputError("mode 'supervised' needs labelled events, but the file has no labels.")
        signal = inside(pools.data.take(pools.truth), region)
        background = [inside(pools.data.take(~pools.truth), region)]
        if pools.template is not None:
            background.append(inside(pools.template, region))
        return Classes(signal, concatenate([part.without_labels() for part in background]))


@dataclass(frozen=True)
class Idealised:
    """Signal-region data against background simulated in the signal region."""

    name: str = "idealised"
    needs_template: bool = True
    takes_template: bool = True
    needs_truth: bool = False
    generates: bool = False

    def classes(self, pools: Pools, region: Window, sideband_tev: float) -> Classes:
        """Data and perfect template; see `Background.classes`."""
        if pools.template is None:
            raise InputError(
                "mode 'idealised' needs a background template, but the events have no labels to "
                "take a share of; give --template FILE or use --mode cwola."
            )
        return Classes(inside(pools.data, region), inside(pools.template, region))


@dataclass(frozen=True)
class Cwola:
    """Signal-region data against the short sidebands of the same data."""

    name: str = "cwola"
    needs_template: bool = False
    takes_template: bool = False
    needs_truth: bool = False
    generates: bool = False

    def classes(self, pools: Pools, region: Window, sideband_tev: float) -> Classes:
        """Data and sidebands; see `Background.classes`."""
        if pools.template is not None:
            raise InputError(
                "mode 'cwola' takes its template from the sidebands, but a template was given; "
                "leave --template out or use --mode idealised."
            )
        low, high = sidebands(region, sideband_tev)
        mjj = pools.data.mjj_tev
        near = low.contains(mjj) | high.contains(mjj)
        return Classes(inside(pools.data, region), pools.data.take(near))


BACKGROUNDS: Mapping[str, Background] = MappingProxyType(
    {b.name: b for b in (Supervised(), Idealised(), Cwola(), Cathode())}
)


def template_of(view: View) -> str:
    """The name of the template that a sample has.

    Samples of one mode have the same template rows whatever their features, unless these are
    generated: then each feature set has a density, and rows, of its own.

    Example:
        >>> template_of(View("cwola", "baseline")), template_of(View("cathode", "baseline"))
        ('cwola', 'cathode baseline')
    """
    return str(view) if background(view.mode).generates else view.mode


def background(name: str) -> Background:
    """The mode called `name`; an unknown one raises InputError with the nearest known."""
    if name not in BACKGROUNDS:
        raise unknown_name("mode", name, BACKGROUNDS)
    return BACKGROUNDS[name]
