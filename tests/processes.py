"""Processes that tests start or interrupt."""

import os
import signal
import subprocess
from contextlib import contextmanager, suppress
from threading import Event, Thread

import psutil


@contextmanager
def started(words, **options):
    """A process that is killed when the block fails; `Popen` alone would wait for it for ever."""
    with subprocess.Popen(words, text=True, **options) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def kill_children(title, by=signal.SIGKILL):
    """Kill every living descendant whose command line names the title; returns their numbers.

    A signal other than SIGKILL may be given.
    """
    children = psutil.Process().children(recursive=True)
    found = [child.pid for child in children if title in _command(child)]
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, by)
    return found


@contextmanager
def first_killed(title, by=signal.SIGKILL):
    """Kill the first descendants whose command line names the title, whenever they appear.

    Yields the list that takes their numbers. A worker's command line names its task only while
    this runs, which may be too short for those who look at times of their own choice.
    """
    killed, ended = [], Event()

    def watch():
        while not (killed or ended.wait(0.01)):
            killed.extend(kill_children(title, by))

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield killed
    finally:
        ended.set()
        thread.join()


def _command(process):
    # A worker that ended a moment ago is no worker any more.
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""
