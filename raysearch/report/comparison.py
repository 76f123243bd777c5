"""What the page says where a study is compared with others of the same events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from raysearch.errors import InputError
from raysearch.excess import MIN_TEMPLATE, cross_sic
from raysearch.preference import is_doubtful
from raysearch.recommend import NAME as RECOMMENDED
from raysearch.report.contents import (
    NotAvailable,
    ReportContents,
    Scored,
    choices,
    data_and_template,
)
from raysearch.report.looks import look
from raysearch.report.tables import NOTHING, Table, number
from raysearch.resampling import difference

# Settings that say how a study searched, in the table where the studies differ in them.
_OF_SEARCH = ("strategy", "sampler", "space", "objective", "mode", "features", "contenders")
_HEADINGS = ["complete trials", "of", "fits of each", "workers [s]", "chosen"]
_FIGURES = ["SIC, out of fold", "max SIC"]
# Standard errors that a difference has to exceed.
_CLEAR = 2.0
_CAVEAT = (
    "SIC out of fold is val SIC, with 20 template events or more behind the threshold, by members "
    "that never trained on an event; the same events chose among the trials, which favours whoever "
    "tried more. The error is that of the events; other trainings would differ, too."
)


class Comparison(NamedTuple):
    """What studies of the same events found.

    Attributes:
        sentences: which found the better choice, and by what.
        table: one row a study, this one first.
    """

    sentences: list[str]
    table: Table


def compare(own: ReportContents, others: Sequence[ReportContents]) -> Comparison | None:
    """Compare what studies of the same events chose; None without others.

    The choices compared are the recommended mean of each, or the choice of the study's own
    objective where nothing is recommended, by the excess in out-of-fold scores of all events.

    Args:
        own: the study.
        others: those it is compared with.

    Raises:
        InputError: if another study has other data events, or divided them in another way.
    """
    if not others:
        return None
    for other in others:
        _check_events(own, other)
    every = [own, *others]
    differing = [k for k in _OF_SEARCH if len({str(of.settings.get(k)) for of in every}) > 1]
    headings = ["study", *differing, *_HEADINGS, *_FIGURES]
    numeric = [False, *(False for _ in differing), True, True, True, True, False, True, True]
    sentences = [said for other in others for said in _sentences(own, other)]
    rows = [_row(of, differing) for of in every]
    return Comparison([*sentences, _CAVEAT], Table(headings, rows, numeric))


def _check_events(own: ReportContents, other: ReportContents) -> None:
    """Their data have to be the same, in the same order; the masses tell."""
    mine, theirs = _data_mjj(own), _data_mjj(other)
    if len(mine) and len(theirs) and not np.array_equal(mine, theirs):
        one, two = own.settings["name"], other.settings["name"]
        raise InputError(
            f"studies are compared on the same data events, divided alike, but the {len(mine):,} "
            f"of {one} are not the {len(theirs):,} of {two}. Run both on the same files with the "
            "same seed, n_signal, signal region and verdict share; where one searched other modes "
            "than the other, give both the same --mode list."
        )


def _data_mjj(contents: ReportContents) -> np.ndarray[Any, Any]:
    table = contents.scores
    is_data = pc.equal(table["sample"].cast(pa.string()), "data")
    return np.asarray(table.filter(is_data)["mjj_tev"].to_numpy())


def _sentences(own: ReportContents, other: ReportContents) -> Iterator[str]:
    mine, theirs = _scored(own), _scored(other)
    name = other.settings["name"]
    if mine is None or theirs is None:
        yield f"{name} cannot be compared with this study: one of them chose nothing."
        return
    for of, scored in ((own, mine), (other, theirs)):
        if (events := _template_events(scored)) < MIN_TEMPLATE:
            yield (
                f"{name} cannot be compared with this study: SIC out of fold needs {MIN_TEMPLATE} "
                f"template events or more, but {of.settings['name']} has {events}."
            )
            return
    for of in (own, other):
        if _is_luck(of):
            found = of.settings["name"]
            yield f"What {found} found may be luck, so that no study is called better."
            return
    templates = [of.mjj_tev[~of.is_positive] for of in (mine, theirs)]
    is_shared = np.array_equal(templates[0], templates[1])
    more, error = difference(_halves(mine), _halves(theirs), is_shared, int(own.settings["seed"]))
    by = f"by {abs(more):.3f} ± {error:.3f} (bootstrap of the events)"
    if not is_shared:
        yield (
            f"SIC out of fold of this study and {name} differ {by}, but so do their templates: one "
            "that is worse than the other can have the larger excess without finding more signal, "
            "so that no study is called better."
        )
    else:
        yield _better(own, name, more, error, by)
    yield _budget(own, other)


def _better(own: ReportContents, name: str, more: float, error: float, by: str) -> str:
    if abs(more) <= _CLEAR * error:
        return (
            f"Neither this study nor {name} found a clearly better choice: their SIC out of fold "
            f"differ {by}."
        )
    better, worse = (own.settings["name"], name) if more > 0 else (name, own.settings["name"])
    return f"{better} found the better choice: its SIC out of fold exceeds that of {worse} {by}."


def _budget(own: ReportContents, other: ReportContents) -> str:
    mine, theirs = _asked(own), _asked(other)
    spent = f"their workers took {_seconds(own)} s and {_seconds(other)} s."
    if mine == theirs:
        return f"Both were given {mine[0]} trials of {mine[1]} fits; {spent}"
    given = f"{mine[0]} trials of {mine[1]} fits and {theirs[0]} of {theirs[1]}"
    return f"They were given {given}; {spent}"


def _asked(contents: ReportContents) -> tuple[int, int]:
    return int(contents.settings["trials"]), int(contents.settings["repeats"])


def _seconds(contents: ReportContents) -> str:
    return f"{pc.sum(contents.trials['seconds']).as_py() or 0.0:,.0f}"


def _is_luck(contents: ReportContents) -> bool:
    recommended = choices(contents).get(RECOMMENDED)
    return recommended is not None and is_doubtful(recommended["preference"])


def _chosen(contents: ReportContents) -> tuple[str, Mapping[str, Any]] | None:
    """Name and contents of the choice that is compared; None if nothing was."""
    found = choices(contents)
    if RECOMMENDED in found:
        return RECOMMENDED, found[RECOMMENDED]
    return next(iter(found.items()), None)


def _scored(contents: ReportContents) -> Scored | None:
    """Data and template by the choice; None if it has no scores."""
    chosen = _chosen(contents)
    if chosen is None or f"score.{chosen[0]}" not in contents.scores.column_names:
        return None
    try:
        return data_and_template(contents, chosen[0])
    except NotAvailable:
        return None


def _template_events(scored: Scored) -> int:
    return int(np.count_nonzero(~scored.is_positive))


def _halves(scored: Scored) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    return scored.scores[scored.is_positive], scored.scores[~scored.is_positive]


def _row(contents: ReportContents, differing: Sequence[str]) -> list[str]:
    settings, trials = contents.settings, contents.trials
    complete = pc.sum(pc.equal(trials["state"].cast(pa.string()), "COMPLETE")).as_py() or 0
    asked, repeats = _asked(contents)
    return [
        str(settings["name"]),
        *(_text(settings.get(name)) for name in differing),
        *(number(count) for count in (complete, asked, repeats)),
        _seconds(contents),
        *_found(contents),
    ]


def _found(contents: ReportContents) -> tuple[str, str, str]:
    """The choice and its figures."""
    chosen, scored = _chosen(contents), _scored(contents)
    if chosen is None:
        return NOTHING, NOTHING, NOTHING
    name, choice = chosen
    label = str(choice["trial_id"]) if name == RECOMMENDED else look(name).label
    metrics = (choice.get("ensemble") or {}).get("metrics") or {}
    detector = f"{label}: {choice['setup']['detector']}"
    return detector, _sic(scored), number(metrics.get("max_sic"))


def _sic(scored: Scored | None) -> str:
    if scored is None or _template_events(scored) < MIN_TEMPLATE:
        return NOTHING
    return number(cross_sic(scored.is_positive, scored.scores))


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
