"""The page of the report: plain values in, one self-contained HTML document out."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from raysearch.report.answer import answer
from raysearch.report.comparison import compare
from raysearch.report.contents import ReportContents
from raysearch.report.density import density_sentences
from raysearch.report.figures import Rendered
from raysearch.report.tables import failures, inputs, provenance, states, trials_table
from raysearch.report.views import views

# The folder of the pages' templates, which name each other by their places in it.
_TEMPLATES = resources.files("raysearch")

# A wider image scrolls on a phone rather than shrink to what nobody can read.
BROAD_PIXELS = 1000


def render_page(
    contents: ReportContents,
    figures: Iterable[Rendered],
    others: Sequence[ReportContents] = (),
) -> str:
    """The HTML of the report, images embedded, every value escaped.

    Args:
        contents: what the report tells.
        figures: drawn ones.
        others: studies of the same events that it is compared with.

    Raises:
        InputError: if another study has other events.
    """
    return render(
        "report/page.html",
        name=contents.settings.get("name", "study"),
        answer=answer(contents),
        density=density_sentences(contents.settings),
        views=views(contents),
        comparison=compare(contents, others),
        states=states(contents.trials),
        provenance=provenance(contents.settings),
        inputs=inputs(contents.settings),
        failures=failures(contents.trials),
        trials=trials_table(contents.trials),
        figures=list(figures),
    )


def render(template: str, **values: object) -> str:
    """The HTML of a template: every value escaped, a missing one an error.

    Args:
        template: its place in the package.
        values: what it tells; the style sheet, and the hash by which the page's security policy
            knows it, are added.
    """
    made = Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"data_uri": _data_uri, "is_broad": _is_broad, "math": _math}
    style = _source("report/style.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return made.get_template(template).render(style=Markup(style), style_hash=digest, **values)


def _source(name: str) -> str:
    return _TEMPLATES.joinpath(name).read_text("utf-8")


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _is_broad(png: bytes) -> bool:
    """Whether the image is wide; a PNG has its width in bytes 16 to 20."""
    return int.from_bytes(png[16:20], "big") > BROAD_PIXELS


def _math(text: str) -> Markup:
    """The text escaped, with true subscripts for the two efficiencies."""
    safe = str(escape(text))
    return Markup(safe.replace("ε_S", "ε<sub>S</sub>").replace("ε_B", "ε<sub>B</sub>"))
