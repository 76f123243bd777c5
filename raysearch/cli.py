"""The entry point of the command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from raysearch.errors import InputError, printable
from raysearch.live.command import NAME as DASHBOARD
from raysearch.live.command import dashboard
from raysearch.service.commands import ABOUT_JOBS, add_commands


def main(command: Sequence[str] = ()) -> None:
    """Run the command line; what the user got wrong is one sentence and exit status 2.

    Args:
        command: words in front of those given on the command line.
    """
    words = [*command, *sys.argv[1:]]
    try:
        _application(words)(words)
    except InputError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        sys.exit(2)


def _application(words: Sequence[str]) -> typer.Typer:
    """The command line; who only looks does not wait for the commands that import torch."""
    if words and words[0] in (*ABOUT_JOBS, DASHBOARD):
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    else:
        from raysearch.commands.application import application

        app = application()
    add_commands(app)
    app.command(DASHBOARD)(dashboard)
    return app
