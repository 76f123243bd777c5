"""Becomes a command in the environment of a file and elsewhere; Python runs this file by itself."""

import json
import os
import sys
from pathlib import Path

# Names that begin so are the head's to say: its address, its token, what it tells a job.
OF_RAY = ("RAY_", "__RAY_")
_OWN = (*OF_RAY, "PYTHONUNBUFFERED")


def main() -> None:
    """Take the environment out of the file that the first word names, and remove it.

    The second word is the directory in which the command runs that the others are.

    Of the environment that this was started in stays what begins as Ray's own names do, be it told
    by Ray or by who started the head, and that output is not held back; nothing else.
    """
    file, where, *command = sys.argv[1:]
    try:
        handed = json.loads(Path(file).read_text())
        Path(file).unlink()
    except FileNotFoundError:
        sys.exit(
            f"error: a job takes its submitter's environment from {file}, once, but it is "
            "gone; submit it again."
        )
    try:
        os.chdir(where)
    except OSError as error:
        sys.exit(
            f"error: a job must run in a directory that is there, but {where} is not "
            f"({error.strerror}); submit it again from another one, or name one by --working-dir."
        )
    own = {name: value for name, value in os.environ.items() if name.startswith(_OWN)}
    os.execve(command[0], command, {**handed, **own})


if __name__ == "__main__":
    main()
