"""The entry point of the command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from raysearch.commands.application import application
from raysearch.errors import InputError

app = application()


def main(command: Sequence[str] = ()) -> None:
    """Run the command line; what the user got wrong is one sentence and exit status 2.

    Args:
        command: words in front of those given on the command line.
    """
    sys.path.append(str(Path.cwd()))  # for --space module:function, as `python -m` does
    try:
        app([*command, *sys.argv[1:]])
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
