"""A test as it is asked for, before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from raysearch.errors import InputError
from raysearch.nplm.candidates import Candidate, only, only_of
from raysearch.nplm.nuisances import Nuisance, check_terms
from raysearch.nplm.points import Points
from raysearch.nplm.pool import Sampler
from raysearch.nplm.settings import KERNEL, NplmSettings

_CHECKED_ROWS = 1000


@dataclass(frozen=True, eq=False)
class Question:
    """A test as it is asked for: samples, settings, and what else decides its statistic.

    Attributes:
        points: "data" and "reference", checked against each other, and "signal" to inject.
        settings: of the test; `select_toys` are made for each candidate, without signal and with
            `n_signal_select` events.
        sampler: gives points of the true distribution, for draws="sampler".
        nuisances: systematic uncertainties of the reference.
        device: where to compute.
    """

    points: Mapping[str, Points]
    settings: NplmSettings
    sampler: Sampler | None = None
    nuisances: tuple[Nuisance, ...] = ()
    device: str = "cpu"

    def check(self) -> None:
        """Refuse nuisances and candidates that have no meaning, before anything is computed.

        Raises:
            InputError: if a column or number of a candidate is impossible, or there is no signal.
        """
        reference = self.points["reference"].values[:_CHECKED_ROWS]
        check_terms(self.nuisances, reference, self.settings.expected)
        if not self.settings.selects:
            return
        if "signal" not in self.points or not self.settings.n_signal_select:
            raise InputError(
                "a selection by power needs signal and the number of its events to inject, but "
                "one is missing; give --signal and --n-signal-select."
            )
        if self.settings.select_trials and not (self.chooses_columns or self.chooses_kernel):
            raise InputError(
                f"trials must have something to choose, but with select_trials = "
                f"{self.settings.select_trials} all is given: one set of columns, and the kernel's "
                "width and centres or none; leave out --select-trials, --sigma or --centres."
            )
        for candidate in self.settings.select:
            _ = self.with_candidate(candidate)
            if self.nuisances and candidate.columns:
                raise InputError(
                    "with nuisances, whose terms are functions of all columns, candidates must "
                    f"compare all, but one has columns = {', '.join(candidate.columns)}."
                )

    @property
    def chooses_columns(self) -> bool:
        """Whether trials may leave out columns: the terms of nuisances are functions of all."""
        return len(self.points["data"].columns) > 1 and not self.nuisances

    @property
    def chooses_kernel(self) -> bool:
        """Whether trials may choose the width of a kernel or the number of its centres."""
        is_open = not self.settings.sigmas or self.settings.centres is None
        return self.settings.method == KERNEL and is_open

    def with_candidate(self, candidate: Candidate) -> Question:
        """The question with the columns, kernel widths and centres that a candidate names.

        Raises:
            InputError: if a column is unknown or a number impossible.
        """
        columns, settings = candidate.columns, self.settings
        sigmas = candidate.sigmas or settings.sigmas
        centres = settings.centres if candidate.centres is None else candidate.centres
        return replace(
            self,
            points={name: only(points, columns) for name, points in self.points.items()},
            settings=replace(settings, sigmas=sigmas, centres=centres),
            sampler=only_of(self.sampler, self.points["data"], columns),
        )
