"""`raysearch dashboard`."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

NAME = "dashboard"
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")


def dashboard(
    study: Annotated[Path, typer.Argument(help="Directory or URI of a study, running or not.")],
    port: Annotated[int, typer.Option(help="To serve from; default: any that is free.")] = 0,
    host: Annotated[
        str, typer.Option(help="To listen on; beyond this machine the page needs its key.")
    ] = "127.0.0.1",
    database_host: Annotated[
        str | None, typer.Option(help="Host of a PostgreSQL history elsewhere that you trust.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser where there is a screen.")] = True,
) -> None:
    """Follow a study in a browser while it runs; it is only read. Ctrl-C ends the page."""
    from raysearch.live.interface import dashboard as serve

    try:
        with serve(study, port=port, host=host, database_host=database_host) as page:
            print(page.url, flush=True)
            if browser and _has_screen():
                webbrowser.open(page.url)
            page.wait()
    except KeyboardInterrupt:
        print("the page has ended", file=sys.stderr)


def _has_screen() -> bool:
    """Whether a browser would have a window, so that none starts within the terminal."""
    return sys.platform == "darwin" or any(name in os.environ for name in _SCREENS)
