"""What the CATHODE mode was asked to do, checked before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from raysearch.density.estimators import FLOW_MATCHING, MAF, Estimator, Parameters
from raysearch.errors import InputError, unknown_name
from raysearch.regions import Window

ESTIMATORS: Mapping[str, Estimator] = MappingProxyType({e.name: e for e in (FLOW_MATCHING, MAF)})


def estimator(name: str) -> Estimator:
    """The estimator called `name`; an unknown one raises InputError with the nearest known."""
    if name not in ESTIMATORS:
        raise unknown_name("density estimator", name, ESTIMATORS)
    return ESTIMATORS[name]


@dataclass(frozen=True)
class CathodeSettings:
    """The settings of the CATHODE mode.

    Attributes:
        estimator: one of ESTIMATORS.
        parameters: its hyperparameters; those left out take their default.
        oversampling: template events for each data event of the signal region.
        bandwidth_tev: of the Gaussian kernels, in mjj, whose sum is the spectrum that the masses
            of the template are drawn from.
        range_tev: lower and upper end of the masses whose events train the density. Few events lie
            outside the default, and far enough to distort the scale of the mass.
        trials: how many sets of hyperparameters are tried, the first one with `parameters` alone,
            the others with random values of the search space for what they leave out; that of the
            least validation loss makes the template.

    Raises:
        InputError: if a name is unknown or a number breaks its rule.
    """

    estimator: str = MAF.name
    parameters: Parameters = field(default_factory=dict)
    oversampling: int = 4
    bandwidth_tev: float = 0.01
    range_tev: tuple[float, float] = (2.0, 6.0)
    trials: int = 1

    def __post_init__(self) -> None:
        """Check names and numbers."""
        estimator(self.estimator).complete(self.parameters)
        Window(*self.range_tev)
        for name in ("oversampling", "trials"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(
                    f"`{name}` of the density must be a whole number of at least 1, but got "
                    f"{value}."
                )
        if not 0 <= self.bandwidth_tev < float("inf"):
            raise InputError(
                f"`0 <= bandwidth_tev` must hold, but got bandwidth_tev = {self.bandwidth_tev}."
            )

    def check_region(self, region: Window) -> None:
        """Raise InputError unless the range reaches beyond the signal region on both sides."""
        low, high = self.range_tev
        if not low < region.low_tev < region.high_tev < high:
            raise InputError(
                "the signal region must lie inside the range that trains the density, but got "
                f"{region.low_tev}-{region.high_tev} TeV and a range of {low}-{high} TeV; set "
                "`range_tev` of the cathode settings."
            )

    def as_json(self) -> dict[str, Any]:
        """Plain values, as study.json holds them."""
        return {
            "estimator": self.estimator,
            "parameters": dict(self.parameters),
            "oversampling": self.oversampling,
            "bandwidth_tev": self.bandwidth_tev,
            "range_tev": list(self.range_tev),
            "trials": self.trials,
        }


def cathode_from_json(values: Mapping[str, Any]) -> CathodeSettings:
    """The settings that `CathodeSettings.as_json` gave."""
    low, high = values["range_tev"]
    return CathodeSettings(**{**values, "range_tev": (low, high)})


def cathode_from_words(words: Iterable[str]) -> CathodeSettings:
    """The settings that words like ``estimator=maf`` or ``learning_rate=1e-3`` ask for.

    A word that names none of the settings names a hyperparameter of the estimator.

    Raises:
        InputError: if a word is malformed, or asks for something unknown or out of range.

    Example:
        >>> cathode_from_words(["estimator=maf", "epochs=20"]).parameters
        {'epochs': 20}
    """
    found: dict[str, Any] = {"parameters": {}}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise InputError(f"--cathode must be given as name=value, but got {word!r}.")
        if name in _READ:
            found[name] = _READ[name](text)
        else:
            found["parameters"][name] = _number(text)
    return CathodeSettings(**found)


def _number(text: str) -> int | float:
    try:
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        raise InputError(f"--cathode needs a number after '=', but got {text!r}.") from None


def _range(text: str) -> tuple[float, float]:
    low, _, high = text.partition(",")
    return float(_number(low)), float(_number(high))


_READ: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "estimator": str,
        "oversampling": _number,
        "bandwidth_tev": _number,
        "range_tev": _range,
        "trials": _number,
    }
)
