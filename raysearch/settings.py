"""What a study was asked to do, checked before anything is read or started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Any

from raysearch.backgrounds import background
from raysearch.density import CathodeSettings, cathode_from_json
from raysearch.errors import InputError, unknown_name
from raysearch.features import feature_set
from raysearch.objectives import objective
from raysearch.regions import SIDEBAND_WIDTH_TEV, SIGNAL_REGION, Window, sidebands
from raysearch.samples import View

SAMPLERS = ("tpe", "random")
STRATEGIES = ("joint", "steps")
BACKENDS = ("auto", "tune", "direct")
# More than any study has; a study of somebody else's shall not fill the memory.
MOST_TRIALS, MOST_REPEATS = 200_000, 10_000
# More would leave the choice less than the verdict.
MOST_VERDICT = 0.5


@dataclass(frozen=True)
class Settings:
    """The settings of a search; each is a keyword of `raysearch.search`.

    Attributes:
        mode: background templates, of BACKGROUNDS.
        features: feature sets, of FEATURE_SETS, perhaps with a variant: "baseline+rotated",
            "baseline+noise10".
        space: name of a search space, or ``module:function`` of one's own.
        objective: what is optimised, one of OBJECTIVES.
        sampler: "tpe" or "random".
        strategy: "joint" suggests mode and features together with the hyperparameters; "steps"
            first searches hyperparameters in the first mode on the first feature set, and needs
            several of either.
        trials: how many setups are tried.
        repeats: independent fits of each setup.
        seed: every random choice follows from it.
        n_signal: signal events injected; None for 1000, or all if there are fewer.
        signal_region_tev: lower and upper edge.
        sideband_width_tev: width of each sideband in CWoLa mode.
        cathode: density and sampling of the CATHODE mode.
        verdict_share: of data and template, which choose nothing and then tell whether to prefer
            anything at all; 0 to let all choose and not to ask, as mode "supervised" does, where
            the classes are true labels.
        contenders: of how many of the best trials the recommended detector is the mean.

    Raises:
        InputError: if a name is unknown or a number breaks its rule.
    """

    mode: tuple[str, ...] = ("idealised",)
    features: tuple[str, ...] = ("baseline",)
    space: str = "weak_supervision"
    objective: str = "val_sic"
    sampler: str = "tpe"
    strategy: str = "joint"
    trials: int = 30
    repeats: int = 3
    seed: int = 1
    n_signal: int | None = None
    signal_region_tev: tuple[float, float] = (SIGNAL_REGION.low_tev, SIGNAL_REGION.high_tev)
    sideband_width_tev: float = SIDEBAND_WIDTH_TEV
    cathode: CathodeSettings = field(default_factory=CathodeSettings)
    verdict_share: float = 0.2
    contenders: int = 5

    def __post_init__(self) -> None:
        """Check names and numbers."""
        self._check_views()
        objective(self.objective)
        if self.sampler not in SAMPLERS:
            raise unknown_name("sampler", self.sampler, SAMPLERS)
        if self.strategy not in STRATEGIES:
            raise unknown_name("strategy", self.strategy, STRATEGIES)
        self._check_numbers()
        if not 0 <= self.verdict_share <= MOST_VERDICT:
            raise InputError(
                f"`0 <= verdict_share <= {MOST_VERDICT}` must hold, but got verdict_share = "
                f"{self.verdict_share}; 0 asks for no verdict."
            )
        if self.strategy == "steps":
            self._check_steps()
        sidebands(self.region, self.sideband_width_tev)
        if "cathode" in self.mode:
            self.cathode.check_region(self.region)

    def _check_views(self) -> None:
        for name in ("mode", "features"):
            check_list(name, getattr(self, name))
        for name in self.features:
            feature_set(name)
        needs_truth = any([background(name).needs_truth for name in self.mode])
        if len(self.mode) > 1 and needs_truth:
            raise InputError(
                "mode 'supervised' has true labels for classes, so that no other mode compares "
                f"with it, but got mode = {listed(self.mode)}; make it a study of its own."
            )

    def _check_numbers(self) -> None:
        for name, least in (("trials", 1), ("repeats", 1), ("seed", 0), ("contenders", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise InputError(f"{name} must be a whole number, but got {value!r}.")
            if value < least:
                raise InputError(f"`{name} >= {least}` must hold, but got {name} = {value}.")
        for name, most in (("trials", MOST_TRIALS), ("repeats", MOST_REPEATS)):
            if getattr(self, name) > most:
                raise InputError(
                    f"`{name} <= {most}` must hold, but got {name} = {getattr(self, name)}; make "
                    "several studies of it."
                )

    def _check_steps(self) -> None:
        """Every pair of mode and feature set must have its turn."""
        pairs, others = len(self.views), len(self.views) - 1
        if not others:
            raise InputError(
                "strategy 'steps' needs several modes or feature sets, but got one of each; leave "
                "--strategy out."
            )
        if self.trials - self.first_step < others:
            raise InputError(
                f"strategy 'steps' spends a third of its trials in the first of {pairs} pairs of "
                f"mode and feature set and one or more in each other, but got trials = "
                f"{self.trials}; ask for more trials or fewer pairs."
            )

    @property
    def first_step(self) -> int:
        """Trials of strategy "steps" in the first mode on the first feature set: a third."""
        return -(-self.trials // 3)

    @property
    def views(self) -> tuple[View, ...]:
        """Modes and feature sets in which setups are tried."""
        return tuple(View(*pair) for pair in product(self.mode, self.features))

    @property
    def region(self) -> Window:
        """The signal region."""
        return Window(*self.signal_region_tev)

    def as_json(self) -> dict[str, Any]:
        """Plain values, as study.json holds them."""
        changed = {
            "mode": list(self.mode),
            "features": list(self.features),
            "signal_region_tev": list(self.signal_region_tev),
            "cathode": self.cathode.as_json(),
        }
        return {**asdict(self), **changed}


@dataclass(frozen=True)
class Resources:
    """What a trial occupies and when the search has to end.

    Attributes:
        gpus_per_trial: share of a GPU for each trial that trains networks. With Tune trees go to
            CPUs; the workers of the direct backend take any trial and all hold a share.
        time_budget_s: each run of the search ends after this many seconds; None for no limit.
        backend: "tune" (Ray Tune), "direct" (Ray actors, less work for each trial), or "auto":
            direct while trials are short. A random search gives the same results by either; with
            TPE and racing they depend on the order in which trials end.
        trials_per_pack: compatible trials trained as one at most; None to measure what pays.
        trial_timeout_s: a trial that takes longer has failed, and its worker is replaced; None for
            no limit. With a limit no trials are trained as one.

    Raises:
        InputError: if a name is unknown or a number breaks its rule.
    """

    gpus_per_trial: float = 0.0
    time_budget_s: float | None = None
    backend: str = "auto"
    trials_per_pack: int | None = None
    trial_timeout_s: float | None = None

    def __post_init__(self) -> None:
        """Check name and numbers."""
        if self.backend not in BACKENDS:
            raise unknown_name("backend", self.backend, BACKENDS)
        if self.trials_per_pack is not None and self.trials_per_pack < 1:
            raise InputError(
                f"`trials_per_pack >= 1` must hold, but got {self.trials_per_pack}; leave it out "
                "to have it measured."
            )
        if (self.trials_per_pack or 1) > 1 and self.trial_timeout_s is not None:
            raise InputError(
                "trials with a time limit of their own are not trained as one, but got "
                f"trials_per_pack = {self.trials_per_pack} and trial_timeout_s = "
                f"{self.trial_timeout_s}; leave one of them out."
            )
        if not 0 <= self.gpus_per_trial < float("inf"):
            raise InputError(
                f"`0 <= gpus_per_trial` must hold, but got gpus_per_trial = {self.gpus_per_trial}."
            )
        for name in ("time_budget_s", "trial_timeout_s"):
            limit = getattr(self, name)
            if limit is not None and not 0 < limit < float("inf"):
                raise InputError(
                    f"`0 < {name}` must hold, but got {name} = {limit}; leave it out for no limit."
                )


def names(given: str | Sequence[str]) -> tuple[str, ...]:
    """Names that may be written as one word with commas.

    Example:
        >>> names("idealised,cwola"), names(["cwola"])
        (('idealised', 'cwola'), ('cwola',))
    """
    return tuple(given.split(",")) if isinstance(given, str) else tuple(given)


def listed(values: Sequence[Any]) -> str:
    """Values as a message names them."""
    return ", ".join(map(str, values))


def check_list(name: str, values: Sequence[Any]) -> None:
    """Raise InputError unless there are values, and each of them once."""
    if not values or len(set(values)) < len(values):
        raise InputError(
            f"{name} must be one or more, each once, but got {listed(values) or 'none'}."
        )


def settings_from_json(values: Mapping[str, Any]) -> Settings:
    """The settings that `Settings.as_json` gave."""
    edges = values["signal_region_tev"]
    changed = {
        "mode": tuple(values["mode"]),
        "features": tuple(values["features"]),
        "signal_region_tev": (edges[0], edges[1]),
        "cathode": cathode_from_json(values["cathode"]),
    }
    return Settings(**{**values, **changed})
