"""The answer of a study: which setup to trust, and by which figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from raysearch.objectives import objective
from raysearch.preference import Said, in_words, is_doubtful
from raysearch.recommend import NAME as RECOMMENDED
from raysearch.recommend import ranked_by
from raysearch.report.contents import ReportContents, choices
from raysearch.report.looks import look
from raysearch.report.tables import number

# What the comparison of the objectives shows, in this order, where any choice has it.
_METRICS: Mapping[str, str] = {
    "max_sic": "max SIC",
    "auc": "AUC",
    "rejection_at_eps_s_0.2": "1/ε_B at ε_S = 0.2",
    "rejection_at_eps_s_0.5": "1/ε_B at ε_S = 0.5",
    "sic_at_eps_b_1e-2": "SIC at ε_B = 1%",
    "sic_at_eps_b_1e-3": "SIC at ε_B = 0.1%",
}


@dataclass(frozen=True)
class Answer:
    """What the top of the page says.

    Attributes:
        headline: whether there is a preference, in two words; empty if nothing was retrained or
            the classes are true labels.
        sentences: the answer in words.
        tiles: the figures of the study's own choice as (label, value, note).
        objectives: names of the objectives compared, the study's own first.
        rows: the comparison, a heading and one text per objective each.
        parameters: per objective the hyperparameters as (name, value).
    """

    headline: str
    sentences: list[str]
    tiles: list[tuple[str, str, str]]
    objectives: list[str]
    rows: list[tuple[str, list[str]]]
    parameters: list[list[tuple[str, str]]]


def answer(contents: ReportContents) -> Answer:
    """The answer in words, tiles and a comparison of the objectives."""
    chosen = choices(contents)
    if not chosen:
        text = f"No setup was chosen: none of the {contents.trials.num_rows} trials completed."
        return Answer("", [text], [], [], [], [])
    name, first = next(iter(chosen.items()))
    recommended = chosen.get(RECOMMENDED)
    said = _said(recommended)
    is_luck = recommended is not None and is_doubtful(recommended["preference"])
    first_words = [*_preference(recommended, name), _sentence(name, first, is_luck)]
    return Answer(
        headline="" if said is None else said.headline,
        sentences=[*first_words, *_floor(first)],
        tiles=_tiles(first),
        objectives=[look(objective).label for objective in chosen],
        rows=_rows(list(chosen.values())),
        parameters=[_parameters(choice) for choice in chosen.values()],
    )


def _sentence(name: str, choice: Mapping[str, Any], is_luck: bool) -> str:
    setup, members = choice["setup"], _ensemble(choice).get("members")
    features = setup.get("features")
    listed = features if isinstance(features, str) else ", ".join(features or [])
    where = f"{setup['detector']} on the {listed} features in {setup.get('mode')} mode "
    where += f"(trial {choice['trial_id']})"
    if is_luck:
        label, extreme = look(name).label, objective(name).extreme
        return f"Among the trials {label} is {extreme} for {where}, which may be luck."
    text = f"By {look(name).label} the best setup is {where}"
    return text + (f", as an ensemble of {members}." if members else ".")


def _said(recommended: Mapping[str, Any] | None) -> Said | None:
    if recommended is None:
        return None
    return in_words(recommended["preference"], recommended["setup"]["mode"])


def _preference(recommended: Mapping[str, Any] | None, own: str) -> list[str]:
    """Whether anything is to be preferred, and what is recommended then.

    Args:
        recommended: the choice, or None.
        own: name of the study's objective.
    """
    if recommended is None:
        return []
    said = _said(recommended)
    verdict = [] if said is None else [said.sentence[0].upper() + said.sentence[1:]]
    if is_doubtful(recommended["preference"]):
        return verdict
    parts = len(recommended["trials"])
    return [
        *verdict,
        f"Recommended is the mean of the best {parts} setups by {look(ranked_by(own).name).label} "
        f"({recommended['setup']['detector']}).",
    ]


def _floor(choice: Mapping[str, Any]) -> list[str]:
    """What the noise floor says of the choice, where both are known."""
    value, floor = _ensemble(choice).get("val_sic"), _ensemble(choice).get("val_sic_floor_95")
    if value is None or floor is None:
        return []
    if value > floor:
        return [
            f"Its out-of-fold val SIC of {number(value)} lies above {number(floor)}, which 95% of "
            "random relabellings of its scores stay below. That leaves out that the best of many "
            "trials and epochs was taken, which favours it."
        ]
    return [
        f"Its out-of-fold val SIC of {number(value)} does not exceed {number(floor)}, which 95% of "
        "random relabellings of its scores stay below: the data do not show that it finds "
        "anything, and the choice may be arbitrary."
    ]


def _tiles(choice: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    ensemble = _ensemble(choice)
    floor = ensemble.get("val_sic_floor_95")
    note = "out of fold" if floor is None else f"out of fold; 95% of noise below {number(floor)}"
    tiles = [("val SIC", number(ensemble.get("val_sic")), note)]
    metrics = ensemble.get("metrics") or {}
    if metrics.get("max_sic") is not None:
        tiles.append(("max SIC", number(metrics["max_sic"]), "on labelled test events"))
    if ensemble.get("regret") is not None:
        tiles.append(("regret", number(ensemble["regret"]), "1 = as good as choosing by labels"))
    return tiles


def _rows(chosen: list[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """The comparison; a row that no choice has a value for is left out."""
    rows = [
        ("Trial", [str(c["trial_id"]) for c in chosen]),
        ("Detector", [str(c["setup"]["detector"]) for c in chosen]),
        ("Members of the ensemble", _of_ensembles(chosen, "members")),
        ("val SIC, out of fold", _of_ensembles(chosen, "val_sic")),
        ("Noise floor of val SIC, mean", _of_ensembles(chosen, "val_sic_floor")),
        ("Noise floor of val SIC, 95%", _of_ensembles(chosen, "val_sic_floor_95")),
        *((label, _of_metrics(chosen, key)) for key, label in _METRICS.items()),
        ("Regret of the ensemble", _of_ensembles(chosen, "regret")),
        *_trial_rows(chosen),
    ]
    return [(label, texts) for label, texts in rows if set(texts) != {number(None)}]


def _trial_rows(chosen: list[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """Metrics of the chosen trials themselves, with their spread over the repeats.

    max SIC is that at the epochs that are best by the objective of the choice.
    """
    names = dict.fromkeys(name for c in chosen for name in c.get("trial") or {})
    return [
        (f"{look(name).label} of the trial", [_with_spread(c, name) for c in chosen])
        for name in names
        if not name.endswith("_std")
    ]


def _with_spread(choice: Mapping[str, Any], name: str) -> str:
    metrics = choice.get("trial") or {}
    return number(metrics.get(name), metrics.get(f"{name}_std"))


def _of_ensembles(chosen: list[Mapping[str, Any]], key: str) -> list[str]:
    return [number(_ensemble(choice).get(key)) for choice in chosen]


def _of_metrics(chosen: list[Mapping[str, Any]], key: str) -> list[str]:
    return [number((_ensemble(choice).get("metrics") or {}).get(key)) for choice in chosen]


def _parameters(choice: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = choice["setup"].get("parameters") or {}
    return [(name.replace("_", " "), number(value)) for name, value in found.items()]


def _ensemble(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    return choice.get("ensemble") or {}
