"""What a scan was asked to do, checked before anything is read or started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Any

from raysearch.backgrounds import background
from raysearch.density import CathodeSettings, cathode_from_json
from raysearch.detectors import detector
from raysearch.errors import InputError, unknown_name
from raysearch.objectives import MAX_SIC, objective
from raysearch.regions import SIDEBAND_WIDTH_TEV, SIGNAL_REGION
from raysearch.scanning.cells import MOST_SETS, Cell
from raysearch.settings import Settings, check_list, listed
from search_spaces import SPACES

# As many as published, from 0 to 1000, and densest where a signal begins to be found.
N_SIGNAL = (0, 25, 50, 75, 100, 150, 200, 250, 300, 400, 500, 600, 800, 1000)

# Of an estimate that nobody is asked about.
MOST_CPU_HOURS = 2.0


@dataclass(frozen=True)
class ScanSettings:
    """The settings of a scan; each is a keyword of `raysearch.scan`.

    Attributes:
        n_signal: numbers of injected signal events, rising.
        modes: background templates.
        features: feature sets.
        detectors: each with the search space of its name.
        objectives: that choose a set.
        sets: hyperparameter sets of each detector, the same in every cell.
        repeats: fits of each set, on halves of the sample.
        seed: every random choice follows from it.
        signal_region_tev: lower and upper edge.
        sideband_width_tev: width of each sideband in CWoLa mode.
        cathode: density and sampling of the CATHODE mode.

    Raises:
        InputError: if a name is unknown or a number breaks its rule.
    """

    n_signal: tuple[int, ...] = N_SIGNAL
    modes: tuple[str, ...] = ("idealised",)
    features: tuple[str, ...] = ("baseline",)
    detectors: tuple[str, ...] = ("mlp", "hgb", "adaboost")
    objectives: tuple[str, ...] = ("val_sic", "val_loss", "max_sic")
    sets: int = 100
    repeats: int = 10
    seed: int = 1
    signal_region_tev: tuple[float, float] = (SIGNAL_REGION.low_tev, SIGNAL_REGION.high_tev)
    sideband_width_tev: float = SIDEBAND_WIDTH_TEV
    cathode: CathodeSettings = field(default_factory=CathodeSettings)

    def __post_init__(self) -> None:
        """Check names and numbers."""
        for name in ("n_signal", "modes", "features", "detectors", "objectives"):
            check_list(name, getattr(self, name))
        for name in self.detectors:
            detector(name)
            if name not in SPACES:
                raise unknown_name("search space", name, SPACES)
        for name in self.objectives:
            objective(name)
        self._check_numbers()
        for cell in self.cells():
            self.of_cell(cell)

    def _check_numbers(self) -> None:
        if min(self.n_signal) < 0 or list(self.n_signal) != sorted(self.n_signal):
            raise InputError(
                f"`0 <= n_signal`, rising, must hold, but got {listed(self.n_signal)}."
            )
        if 0 in self.n_signal and any(background(mode).needs_truth for mode in self.modes):
            raise InputError(
                "mode 'supervised' needs signal, but got n_signal = 0; leave either out."
            )
        if not 1 <= self.sets <= MOST_SETS:
            raise InputError(f"`1 <= sets <= {MOST_SETS}` must hold, but got sets = {self.sets}.")

    def cells(self) -> list[Cell]:
        """All cells, those of one number of signal events together."""
        order = product(self.n_signal, self.features, self.modes)
        return [Cell(mode, features, n) for n, features, mode in order]

    def of_cell(self, cell: Cell) -> Settings:
        """The settings by which the sample of a cell is prepared.

        All its rows choose, as in the published protocol.
        """
        return Settings(
            mode=(cell.mode,),
            features=(cell.features,),
            objective=next((o for o in self.objectives if o == MAX_SIC.name), self.objectives[0]),
            repeats=self.repeats,
            seed=self.seed,
            n_signal=cell.n_signal,
            signal_region_tev=self.signal_region_tev,
            sideband_width_tev=self.sideband_width_tev,
            cathode=self.cathode,
            verdict_share=0.0,
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values, as scan.json holds them."""
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        return {**plain, "cathode": self.cathode.as_json()}


def scan_settings_from_json(values: Mapping[str, Any]) -> ScanSettings:
    """The settings that `ScanSettings.as_json` gave."""
    plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    plain["cathode"] = cathode_from_json(values["cathode"])
    return ScanSettings(**plain)


def progression(words: Sequence[str]) -> tuple[int, ...]:
    """Numbers, where ``...`` goes on in the step of the two before it up to the one behind it.

    Raises:
        InputError: if a word is no number, or ``...`` stands where it says nothing.

    Example:
        >>> progression("0,25,50,...,125,500".split(","))
        (0, 25, 50, 75, 100, 125, 500)
    """
    numbers: list[int] = []
    for place, word in enumerate(words):
        if word.strip() != "...":
            numbers.append(_whole(word))
            continue
        step = numbers[-1] - numbers[-2] if len(numbers) > 1 else 0
        if step <= 0 or place + 1 == len(words):
            raise InputError(
                f"`...` must stand between two rising numbers and a last one, but got "
                f"{','.join(words)!r}; write e.g. 0,25,...,1000."
            )
        numbers += range(numbers[-1] + step, _whole(words[place + 1]), step)
    return tuple(numbers)


def _whole(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise InputError(
            f"numbers of signal events must be whole, a,b,... or a,b,...,z, but got {word!r}."
        ) from None
