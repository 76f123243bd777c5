"""A driver of a study without Ray: what its process does in the tests of several drivers."""

import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

from raysearch.records import Record
from raysearch.settings import Settings
from raysearch.tuning.book import Book
from raysearch.tuning.history import History
from raysearch.tuning.place import Place
from search_spaces.hgb import space


class Work(NamedTuple):
    """What a driver works on.

    A study, a file that names what runs, how many drivers begin together, seconds of a trial, and
    the trial at which a driver stands still until it is woken.
    """

    directory: Path
    settings: Settings
    place: Place
    log: Path
    together: int = 1
    seconds: float = 0.05
    still_at: int | None = None

    def history(self):
        return History(self.directory, self.settings, place=self.place)

    def runs(self):
        """Index and process of each trial that was begun."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [tuple(map(int, line.split())) for line in lines]


def await_others(work):
    """Begin when all drivers are there."""
    there = work.log.with_suffix(".there")
    with there.open("a") as file:
        file.write("here\n")
    while len(there.read_text().split()) < work.together:
        time.sleep(0.01)


def drive(work):
    """Run trials of the study until all have ended, one at a time."""
    history = work.history()
    await_others(work)
    book = Book(history, space, lambda index, record: None)
    while not history.is_over:
        suggestion = book.next()
        book.flush()
        if suggestion is None:
            time.sleep(0.05)
            book.look()
            continue
        with work.log.open("a") as file:
            file.write(f"{suggestion.index} {os.getpid()}\n")
        if suggestion.index == work.still_at:
            os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(work.seconds)
        value = suggestion.config["parameters"]["learning_rate"]
        record = Record("COMPLETE", {"val_sic": [value]}, 1, 0.1, None, f"by {os.getpid()}")
        book.enter(suggestion.index, record)
        book.flush()
    history.close()
