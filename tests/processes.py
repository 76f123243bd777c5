"""Processes that tests interrupt."""

import os
import signal

import psutil


def kill_children(title):
    """Kill every living descendant whose command line names the title; returns their numbers."""
    children = psutil.Process().children(recursive=True)
    found = [child.pid for child in children if title in _command(child)]
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    return found


def _command(process):
    # A worker that ended a moment ago is no worker any more.
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""
