"""Parameters that only occur together, learned from trials.

References:
    Optuna's option `group` of TPESampler: the same decomposition, kept up to date instead of
    derived from all trials for each suggestion.
"""

from __future__ import annotations

from collections.abc import Mapping

from optuna.distributions import BaseDistribution


class Groups:
    """The coarsest partition of parameters such that each trial has all of a group or none."""

    def __init__(self) -> None:
        """Start without parameters."""
        self._groups: list[dict[str, BaseDistribution]] = []
        self._seen: set[frozenset[str]] = set()

    def add(self, distributions: Mapping[str, BaseDistribution]) -> None:
        """Split the groups that the parameters of this trial cut through.

        The distribution of a parameter is that of the trial that was added first.
        """
        names = frozenset(distributions)
        if names in self._seen:
            return
        self._seen.add(names)
        parts = [
            {name: group[name] for name in group if (name in names) == inside}
            for group in self._groups
            for inside in (True, False)
        ]
        known = {name for group in self._groups for name in group}
        parts.append({name: distributions[name] for name in sorted(names - known)})
        self._groups = [part for part in parts if part]

    def of(self, name: str) -> dict[str, BaseDistribution]:
        """The group of a parameter, without those that have one value only; empty if unknown."""
        for group in self._groups:
            if name in group:
                return {n: group[n] for n in sorted(group) if not group[n].single()}
        return {}
