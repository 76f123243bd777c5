"""Is any contender's excess more than luck? Asked before one is preferred.

Only verdict rows are asked, by which nothing was chosen: neither a trial, nor an epoch, nor a
member's training (`raysearch.verdict`). Their scores are then fixed functions of the events, and
where data and template are alike every permutation of the classes is as likely as what was
observed. The largest significance over contenders and thresholds is compared with that of the
permutations, which accounts for trying many: p is exact, and `ALARM_RATE` the rate of preferences
where there is nothing. The price is that the verdict rows choose nothing, and that a signal has to
show in them alone. What tells data from template counts, be it signal or a fault of the template.
p is that of one study: another study of the same events asks the same verdict rows once more, and
whoever looks at several has several chances.

References:
    Resampling-based multiple testing (Westfall, Young, 1993): the maximum over tests, permuted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from raysearch.backgrounds import background
from raysearch.excess import likelihood_ratio
from raysearch.seeds import generator

N_PERMUTATIONS = 400
# Chance of a preference where there is nothing.
ALARM_RATE = 0.05
# Template events behind a threshold. p is exact for any number; so few let the tight cuts be asked
# at which a signal stands out, and more of them cost power.
_LEAST = 5
# Beyond this share of all events a cut selects nothing in particular.
_LOOSEST = 0.2


class Preference(NamedTuple):
    """Whether one detector may be preferred to none.

    Attributes:
        significance: largest of all detectors and thresholds, without the trials factor.
        p_value: ``(k + 1) / (n + 1)`` from the permutations, hence with it.
        permutations: how many.
        data: events of data that were asked.
        template: events of the template that were asked.
    """

    significance: float
    p_value: float
    permutations: int
    data: int
    template: int

    @property
    def is_clear(self) -> bool:
        """Whether the excess is unlikely enough without a signal."""
        return self.p_value <= ALARM_RATE


class Said(NamedTuple):
    """What to tell a physicist.

    Attributes:
        headline: in two words.
        sentence: with the figures.
    """

    headline: str
    sentence: str


def preference(
    is_data: NDArray[np.bool_],
    scores: NDArray[np.floating],
    seed: int,
    permutations: int = N_PERMUTATIONS,
) -> Preference:
    """Compare the largest excess with that of permuted classes.

    Args:
        is_data: (n,) True for signal-region data, False for template events.
        scores: (S, n) of S detectors, larger is more anomalous; no score may depend on a class.
        seed: of the permutations.
        permutations: how many.

    Returns:
        Significance 0 and p = 1 where there is no detector, or where fewer than 5 template
        events are in the most anomalous fifth: too few to prefer anything.
    """
    tails = [_tail(own) for own in scores]
    sizes = int(is_data.sum()), int((~is_data).sum())
    observed = _largest(is_data, tails, sizes)
    rng = generator(seed, "preference")
    shuffled = is_data.copy()
    larger = 0
    for _ in range(permutations):
        rng.shuffle(shuffled)
        larger += _largest(shuffled, tails, sizes) >= observed
    return Preference(observed, (larger + 1) / (permutations + 1), permutations, *sizes)


def is_doubtful(found: Mapping[str, Any] | None) -> bool:
    """Whether the verdict was asked and prefers nothing, so that no setup may be called the best.

    Args:
        found: as for `in_words`.
    """
    return found is not None and not found["is_clear"]


def in_words(found: Mapping[str, Any] | None, mode: str) -> Said | None:
    """Whether anything is to be preferred, from what selection.json says of it.

    Args:
        found: fields of `Preference`, its `is_clear` and the `alarm_rate`; None if nobody asked.
        mode: background mode of the study.

    Returns:
        None where the classes are true labels, of which nobody asks whether they differ.
    """
    if background(mode).needs_truth:
        return None
    if found is None:
        return Said(
            "No verdict",
            "no events were set aside to ask whether to prefer anything (verdict_share = 0), so "
            "that every choice may be luck.",
        )
    asked = (
        f"on {found['data']:,} data and {found['template']:,} template events that nothing was "
        f"chosen by, the largest excess of the best setups has locally "
        f"{found['significance']:.2f} sigma, and globally, for this study alone, p = "
        f"{found['p_value']:.2g} among {found['permutations']} permutations of the classes"
    )
    rate = found["alarm_rate"]
    if not found["is_clear"]:
        tail = f"above {rate:g}. Without more data every choice may be arbitrary."
        return Said("No preference", f"{asked}, {tail}")
    tail = f"at most {rate:g}, as in {rate:.0%} of studies where data and template are alike."
    return Said("Preference", f"{asked}, {tail}{_caveat(mode)}")


def _caveat(mode: str) -> str:
    """Why data and template need not be alike in a mode, without any signal."""
    chosen = background(mode)
    if chosen.generates:
        return (
            " Here the template is generated: what its density gets wrong counts as an excess, so "
            "look at its check first."
        )
    if not chosen.needs_template:
        return (
            " Here the template is of other masses: features that change with the mass tell it "
            "from data without any signal, and count as an excess."
        )
    return ""


class _Tail(NamedTuple):
    """The most anomalous events of one detector.

    Attributes:
        order: (k,) their rows, the most anomalous first.
        ends: (m,) places in that order after which a threshold may stand.
    """

    order: NDArray[np.intp]
    ends: NDArray[np.intp]


def _tail(scores: NDArray[np.floating]) -> _Tail:
    size = max(2 * _LEAST, round(_LOOSEST * len(scores)))
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    # A tie across the end of the tail keeps the tail whole.
    ends = ends[: np.searchsorted(ends, size) + 1]
    return _Tail(order[: ends[-1] + 1], ends)


def _largest(is_data: NDArray[np.bool_], tails: list[_Tail], sizes: tuple[int, int]) -> float:
    return max((_largest_of_one(is_data, tail, sizes) for tail in tails), default=0.0)


def _largest_of_one(is_data: NDArray[np.bool_], tail: _Tail, sizes: tuple[int, int]) -> float:
    """Largest significance of the excess at a threshold within the tail; 0 if there is none."""
    on = np.cumsum(is_data[tail.order], dtype=np.int64)[tail.ends]
    off = tail.ends + 1 - on
    known = off >= _LEAST
    if not known.any():
        return 0.0  # too few template events to say anything of an excess
    return max(0.0, float(np.max(likelihood_ratio(on[known], off[known], *sizes))))
