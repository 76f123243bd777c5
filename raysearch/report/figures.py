"""All figures of the report in the order of the page, and how to read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from matplotlib.figure import Figure

from raysearch.report.contents import NotAvailable, ReportContents
from raysearch.report.curves import roc, sic, val_sic
from raysearch.report.distributions import scores
from raysearch.report.history import correlation, history
from raysearch.report.importance import importance
from raysearch.report.mass import mass
from raysearch.report.parallel import parallel
from raysearch.report.style import encode


class Caption(NamedTuple):
    """The title of a figure and one or two sentences on how to read it."""

    title: str
    text: str


@dataclass(frozen=True)
class Rendered:
    """A figure of one study, or why there is none.

    Attributes:
        name: of its files.
        caption: title and text.
        files: its bytes by suffix, "png" and "pdf"; empty where the figure is absent.
        absence: the reason, empty where there is a figure.
    """

    name: str
    caption: Caption
    files: Mapping[str, bytes]
    absence: str = ""


# Each draws one figure or raises NotAvailable with the reason.
FIGURES: Mapping[str, Callable[[ReportContents], Figure]] = {
    "sic": sic,
    "roc": roc,
    "val_sic": val_sic,
    "scores": scores,
    "mass": mass,
    "correlation": correlation,
    "history": history,
    "importance": importance,
    "parallel": parallel,
}

CAPTIONS: Mapping[str, Caption] = {
    "sic": Caption(
        "Significance improvement on test events",
        "A cut at signal efficiency ε_S multiplies the significance S/√B by the height of the "
        "curve; the dotted line is a random score. Pale dashes: fewer background events pass "
        "than fix ε_B to 20%, so that part counts for nothing.",
    ),
    "roc": Caption(
        "Background rejection on test events",
        "How many background events one surviving event stands for, at each signal efficiency. "
        "Higher is better; pale dashes mean that ε_B is known worse than to 20%.",
    ),
    "val_sic": Caption(
        "Validation SIC, from data alone",
        "The improvement of signal-region data over the template, against the share of the "
        "template that passes; every event is scored by classifiers that never trained on it. "
        "A peak below the noise floor, left of the solid part, or at a single point is no "
        "evidence of a signal.",
    ),
    "scores": Caption(
        "Distribution of the chosen score",
        "Where data lie above the template at large log odds, the classifier found an excess. "
        "The end bins hold what lies beyond them; all histograms are normalised.",
    ),
    "mass": Caption(
        "Dijet mass after cuts on the score",
        "Cuts that keep a share ε_B of the template. Background must keep its shape, with a ratio "
        "of one and χ²/dof near one: a trend there is sculpting. A bump in the data alone is what "
        "a signal would do.",
    ),
    "correlation": Caption(
        "Can the objective be trusted?",
        "One point per complete trial. An objective that uses no labels is as good as its rank "
        "correlation with the true significance improvement, and as the ringed trial it chose. "
        "Values far off are drawn at the edge.",
    ),
    "history": Caption(
        "Course of the search",
        "The objective of each trial, bars for the spread over its repeats; the line is the best "
        "so far. Trials pruned or failed are marked along the lower edge, values far off at the "
        "edge.",
    ),
    "importance": Caption(
        "Importance of the hyperparameters",
        "First the share of the objective's variance that the choice of detector explains, then "
        "per detector the shares of its own hyperparameters (fANOVA, they sum to one). With a "
        "dozen trials take them as a hint.",
    ),
    "parallel": Caption(
        "Hyperparameters of all trials",
        "Each line is one trial, darker where the objective is better, the best one of each "
        "detector thick. Where dark lines meet on an axis, that value matters.",
    ),
}


def render_figures(contents: ReportContents) -> Iterator[Rendered]:
    """Every figure, or the reason why this study has none."""
    for name, draw in FIGURES.items():
        try:
            files = encode(partial(draw, contents))
            yield Rendered(name, CAPTIONS[name], files)
        except NotAvailable as reason:
            yield Rendered(name, CAPTIONS[name], {}, str(reason))
