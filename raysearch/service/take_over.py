"""Becomes a command in the environment that a file holds; Python runs this file by itself."""

import json
import os
import sys
from pathlib import Path

# What Ray tells a job of itself, by these names, is no submitter's to say.
_OF_RAY = ("RAY_", "__RAY_", "PYTHONUNBUFFERED")


def main() -> None:
    """Take the environment out of the file that the first word names; the others are the command.

    Nothing stays of the environment that this was started in, but for what Ray tells a job.
    """
    file, *command = sys.argv[1:]
    try:
        handed = json.loads(Path(file).read_text())
        Path(file).unlink()
    except FileNotFoundError:
        sys.exit(
            f"error: a job takes its submitter's environment from {file}, once, but it is "
            "gone; submit it again."
        )
    own = {name: value for name, value in os.environ.items() if name.startswith(_OF_RAY)}
    os.execve(command[0], command, {**handed, **own})


if __name__ == "__main__":
    main()
