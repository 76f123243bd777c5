"""What the page says where a study is compared with others of the same events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from raysearch.errors import InputError
from raysearch.recommend import NAME as RECOMMENDED
from raysearch.report.contents import ReportContents, choices
from raysearch.report.style import look
from raysearch.report.tables import NOTHING, Table, number
from raysearch.resampling import ScoredRows, difference

# What has to be the same for two studies to have divided the same events alike.
_OF_EVENTS = ("n_signal", "signal_region_tev", "seed", "verdict_share")
# Settings that say how a study searched, in the table where the studies differ in them.
_OF_SEARCH = ("strategy", "sampler", "space", "objective", "mode", "features")
_HEADINGS = ["trials", "fits of each", "chosen", "SIC, out of fold", "max SIC"]
# Standard errors that a difference has to exceed.
_CLEAR = 2.0


class Beside(NamedTuple):
    """A comparison of studies.

    Attributes:
        sentences: which found the better setup, and by what.
        table: one row a study, this one first.
    """

    sentences: list[str]
    table: Table


def beside(own: ReportContents, others: Sequence[ReportContents]) -> Beside | None:
    """Compare what studies of the same events chose; None without others.

    The choices compared are the recommended means of each, or the choice of the study's own
    objective where nothing is recommended, by the excess in out-of-fold scores of all events.

    Args:
        own: the study.
        others: those it is compared with.

    Raises:
        InputError: if another study has other events or divided them in another way.
    """
    if not others:
        return None
    for other in others:
        _check_events(own, other)
    every = [own, *others]
    differing = [k for k in _OF_SEARCH if len({str(of.settings.get(k)) for of in every}) > 1]
    headings = ["study", *differing, *_HEADINGS]
    numeric = [False, *(False for _ in differing), True, True, False, True, True]
    rows = [_row(of, differing) for of in every]
    return Beside([*_sentences(own, others)], Table(headings, rows, numeric))


def _check_events(own: ReportContents, other: ReportContents) -> None:
    mine, theirs = own.settings, other.settings
    values = [(name, mine.get(name), theirs.get(name)) for name in _OF_EVENTS]
    values.append(("the SHA-256 of inputs", _hashes(mine), _hashes(theirs)))
    differing = [f"{name}: {one} and {two}" for name, one, two in values if one != two]
    if differing:
        raise InputError(
            "studies are compared on the same events, divided alike, but "
            f"{mine.get('name')} and {theirs.get('name')} differ in {'; '.join(differing)}. Run "
            "them on the same files with the same seed."
        )


def _hashes(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What identifies the inputs; where they lie does not matter."""
    inputs = settings.get("inputs") or {}
    return {name: of.get("sha256") for name, of in inputs.items()}


def _sentences(own: ReportContents, others: Sequence[ReportContents]) -> Iterator[str]:
    scored = _scored(own)
    for other in others:
        theirs, name = _scored(other), other.settings["name"]
        if scored is None or theirs is None:
            yield f"{name} cannot be compared with this study: one of them chose nothing."
            continue
        more, error = difference(scored, theirs, int(own.settings["seed"]))
        yield f"{_better(own, name, more, error)} {_budget(own, other)}"
        if scored.template_name != theirs.template_name:
            yield (
                "Their templates differ: one that is worse than the other can have the larger "
                "excess without finding more signal."
            )


def _better(own: ReportContents, name: str, more: float, error: float) -> str:
    what = f"by {abs(more):.3f} ± {error:.3f} (bootstrap of the events)"
    if abs(more) <= _CLEAR * error:
        return (
            f"Neither this study nor {name} found a clearly better choice: their SIC out of fold "
            f"differ {what}."
        )
    better, worse = (own.settings["name"], name) if more > 0 else (name, own.settings["name"])
    return f"{better} found the better choice: its SIC out of fold exceeds that of {worse} {what}."


def _budget(own: ReportContents, other: ReportContents) -> str:
    mine, theirs = _fits(own), _fits(other)
    if mine == theirs:
        return f"Both had {mine[0]} trials of {mine[1]} fits."
    return f"They had {mine[0]} trials of {mine[1]} fits and {theirs[0]} of {theirs[1]}."


def _fits(contents: ReportContents) -> tuple[int, int]:
    return int(contents.settings["trials"]), int(contents.settings["repeats"])


def _chosen(contents: ReportContents) -> tuple[str, Mapping[str, Any]] | None:
    """Name and contents of the choice that is compared; None if nothing was."""
    found = choices(contents)
    if RECOMMENDED in found:
        return RECOMMENDED, found[RECOMMENDED]
    return next(iter(found.items()), None)


def _scored(contents: ReportContents) -> ScoredRows | None:
    """The out-of-fold scores of the choice; None if there are none."""
    chosen, table = _chosen(contents), contents.scores
    if chosen is None or f"score.{chosen[0]}" not in table.column_names:
        return None
    column = f"score.{chosen[0]}"
    scored = table.filter(pc.is_valid(table[column]))
    is_data, is_template = (_is(scored, sample) for sample in ("data", "template"))
    data, template = scored.filter(is_data), scored.filter(is_template)
    if not data.num_rows or not template.num_rows:
        return None
    names = template["template"].unique().to_pylist() if "template" in table.column_names else []
    return ScoredRows(
        data[column].to_numpy().astype(np.float64),
        template[column].to_numpy().astype(np.float64),
        ", ".join(map(str, names)),
    )


def _is(table: pa.Table, sample: str) -> pa.ChunkedArray:
    return pc.equal(table["sample"].cast(pa.string()), sample)


def _row(contents: ReportContents, differing: Sequence[str]) -> list[str]:
    chosen, scored, settings = _chosen(contents), _scored(contents), contents.settings
    own = [str(settings["name"]), *(_text(settings.get(name)) for name in differing)]
    fits = [number(count) for count in _fits(contents)]
    if chosen is None:
        return [*own, *fits, NOTHING, NOTHING, NOTHING]
    name, choice = chosen
    label = look(name).label if name != RECOMMENDED else choice["trial_id"]
    metrics = (choice.get("ensemble") or {}).get("metrics") or {}
    sic = NOTHING if scored is None else number(scored.cross_sic())
    what = f"{label}: {choice['setup']['detector']}"
    return [*own, *fits, what, sic, number(metrics.get("max_sic"))]


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
