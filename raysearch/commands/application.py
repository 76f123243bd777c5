"""The command line that the commands make up."""

from __future__ import annotations

import typer

from raysearch.commands.benchmark import benchmark
from raysearch.commands.nplm import nplm
from raysearch.commands.scan import scan
from raysearch.commands.search import search
from raysearch.commands.studies import report, resume, score

COMMANDS = (search, scan, resume, report, score, benchmark, nplm)


def application() -> typer.Typer:
    """A command line of all these commands."""
    app = typer.Typer(
        help="Which anomaly-detection setup should we trust, judged from the data alone?",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for command in COMMANDS:
        app.command()(command)
    return app
