"""Small studies that tests keep in an object store."""

import os
import signal
import subprocess
import sys

from processes import started

from raysearch.remote.kept import download, kept

KILLED = """
import sys, time
from raysearch.remote.kept import kept
with kept(sys.argv[1], print) as directory:
    (directory / "study.json").write_text("not yet sent")
    print("written", flush=True)
    time.sleep(600)
"""


def quiet(line):
    pass


def write(uri, text, say=quiet):
    with kept(uri, say) as directory:
        (directory / "study.json").write_text(text)
    return directory


def there(uri, to):
    to.mkdir()
    download(uri, to)
    return (to / "study.json").read_text()


def killed(uri):
    """A process on this machine that wrote, sent nothing, and was killed."""
    words = [sys.executable, "-c", KILLED, uri]
    with started(words, stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            if line == "written\n":
                os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
